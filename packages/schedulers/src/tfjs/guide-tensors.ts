import { describeValue, refuseArgument, requireShape } from '@latte-flow/core';
import {
  add,
  clone,
  div,
  equal,
  exp,
  minimum,
  moments,
  mul,
  onesLike,
  sqrt,
  sum,
  Tensor,
  tidy,
  where,
} from '@tensorflow/tfjs-core';

import { type GuidanceArithmetic, requireSampleShape } from '../guidance/arithmetic.ts';
import {
  applyGuidance,
  type Guidance,
  type GuidancePoint,
  type Guided,
  type Velocities,
} from '../guidance/guidance.ts';
import { requireMemoryless } from '../guidance/guide.ts';
import { combineTensors } from './tensor-arithmetic.ts';

export interface GuideTensorsOptions extends GuidancePoint {
  /** x. Needed at steps without branches, for its shape. Borrowed. */
  readonly sample?: Tensor;
  /** Of a rule with memory: the state that the last evaluation returned. Borrowed. */
  readonly state?: Tensor;
}

const mappings = { sqrt, exp, atMostOne: (factors: Tensor) => minimum(factors, 1) };

const sampleAxes = ({ shape }: Tensor) => requireSampleShape(shape).slice(1).map((_, i) => i + 1); // prettier-ignore

/** `GuidanceArithmetic` of float32 tensors `[B, …]`; factors keep their axes at size 1. Makes intermediate tensors. */
const tensorGuidance: GuidanceArithmetic<Tensor> = {
  combine: combineTensors,
  multiply: mul,
  ratio(numerator, denominator, epsilon = 0) {
    const below = epsilon === 0 ? denominator : add(denominator, epsilon);
    const isZero = equal(below, 0);
    const one = onesLike(below);
    return where(isZero, one, div(numerator, where(isZero, one, below)));
  },
  dot: (a, b, over) => sum(mul(a, b), over === 'row' ? -1 : sampleAxes(a), true),
  deviation(array) {
    const size = array.size / array.shape[0]!;
    const { variance } = moments(array, sampleAxes(array), true);
    return sqrt(mul(variance, size / Math.max(1, size - 1)));
  },
  map: (factors, name) => mappings[name](factors),
};

function requireAlike(tensors: readonly Tensor[]): void {
  for (const value of tensors) {
    if (!(value instanceof Tensor) || value.dtype !== 'float32') {
      refuseArgument({
        where: 'guideTensors',
        expected: 'every branch to be a float32 tensor',
        got: value instanceof Tensor ? `a tensor of dtype ${(value as Tensor).dtype}` : describeValue(value),
        remedy: 'Cast or convert it first.',
      });
    }
    requireShape('guideTensors', 'every branch', value.shape, tensors[0]!.shape);
  }
}

/**
 * The guided velocity of float32 tensors of one shape, `[B, …]` for rules that measure samples or rows; computed on the
 * device, nothing is read. Borrows the branches; the caller owns the result.
 * @throws LatteFlowError as `guide` does.
 */
export function guideTensors(
  guidance: Guidance,
  velocities: Velocities<Tensor>,
  options: GuideTensorsOptions = {},
): Tensor {
  requireMemoryless('guideTensors', guidance);
  return guideTensorsWithState(guidance, velocities, options).velocity;
}

/** `guideTensors` for any rule: `state` goes back in at the next evaluation. The caller owns both results. */
export function guideTensorsWithState(
  guidance: Guidance,
  velocities: Velocities<Tensor>,
  { sample, state, ...at }: GuideTensorsOptions = {},
): Guided<Tensor> {
  requireAlike([...Object.values(velocities), sample, state].filter((tensor) => tensor !== undefined));
  let kept: Tensor | undefined;
  const velocity = tidy(() => {
    const guided = applyGuidance(guidance, velocities, { at, arithmetic: tensorGuidance, sample, state });
    kept = guided.state === undefined ? undefined : clone(guided.state);
    // Clones keep borrowed tensors and results apart where a rule has one branch of weight 1.
    return kept === undefined ? [clone(guided.velocity)] : [clone(guided.velocity), kept];
  })[0]!;
  return kept === undefined ? { velocity } : { velocity, state: kept };
}
