import { elementCount, refuseArgument, type Shape } from '@latte-flow/core';

import { alike, type FloatArray, requireFloatArray, requireLength } from '../arrays/float-array.ts';
import { arrayGuidance } from './array-guidance.ts';
import { applyGuidance, type Guidance, type GuidancePoint, type Guided, type Velocities } from './guidance.ts';

export interface GuideOptions extends GuidancePoint {
  /** `[B, …]` of every velocity, in C order. Needed by rules that measure samples or rows: all but the linear ones. */
  readonly shape?: Shape;
  /** x. Needed at steps without branches, for its length and type. */
  readonly sample?: FloatArray;
  /** Of a rule with memory: the state that the last evaluation returned. */
  readonly state?: FloatArray;
}

/**
 * The guided velocity as a new array, of the type that the branches have. Sums are taken in float64.
 * @throws LatteFlowError `invalid-argument` if a branch that the step needs is missing, the rule needs `step`, `steps`,
 * `sigma` or `shape` and lacks it, or it has memory; `shape-mismatch` if lengths differ.
 */
export function guide<A extends FloatArray>(
  guidance: Guidance,
  velocities: Velocities<A>,
  options: GuideOptions = {},
): A {
  requireMemoryless('guide', guidance);
  return guideWithState(guidance, velocities, options).velocity;
}

/** `guide` for any rule: `state` goes back in at the next evaluation. It is a new array, never changed. */
export function guideWithState<A extends FloatArray>(
  guidance: Guidance,
  velocities: Velocities<A>,
  { shape, sample, state, ...at }: GuideOptions = {},
): Guided<A> {
  const arrays = [...Object.values(velocities), sample, state].filter((array) => array !== undefined);
  const length = shape === undefined ? arrays[0]?.length : elementCount(shape);
  for (const array of arrays) requireLength('guide', requireFloatArray('guide', 'every array', array), length!);
  const arithmetic = arrayGuidance(shape);
  const guided = applyGuidance<FloatArray>(guidance, velocities, { at, arithmetic, sample, state });
  const velocity = alike(guided.velocity, arrays[0]!);
  return (guided.state === undefined ? { velocity } : { velocity, state: guided.state }) as Guided<A>;
}

/** Refuses a rule whose state would be lost. */
export function requireMemoryless(where: string, { name, stateful }: Guidance): void {
  if (!stateful) return;
  refuseArgument({
    where,
    expected: 'a rule without memory',
    got: name,
    remedy: `Keep its state: ${where}WithState takes and returns it.`,
  });
}
