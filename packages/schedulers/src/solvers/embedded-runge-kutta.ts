import { refuseArgument } from '@latte-flow/core';

import { initialStep } from './initial-step.ts';
import { explicitRungeKutta, increment, stageSlot, stagesOf, type Tableau } from './runge-kutta.ts';
import type { Combination, Instruction, Solver, Verdict } from './solver.ts';
import { stepControl, type StepControlOptions } from './step-control.ts';

/** A tableau with an estimate of its error, whose last stage is the next step's first: the velocity at the new x. */
export interface EmbeddedTableau extends Tableau {
  /** b_i minus the weights of the embedded method, one more than there are stages: the last is for the new velocity. */
  readonly errorWeights: readonly number[];
  /** The same of a second, coarser method: the norm e of the first and c of this one make e^2 / sqrt(e^2 + c^2 / 100). */
  readonly coarseErrorWeights?: readonly number[];
  /** The norm shrinks with the step to the power of this plus one: the order of a single embedded method. */
  readonly embeddedOrder: number;
}

export interface AdaptiveOptions extends StepControlOptions {
  /**
   * Forget the velocity at each node of the grid and evaluate it anew: for one that jumps there, as a router of experts
   * makes it. Default false.
   */
  readonly restartAtNodes?: boolean;
}

/** `adaptive: false` takes one step of the plain method from node to node, and has no other options. */
export type EmbeddedOptions = (AdaptiveOptions & { readonly adaptive?: true }) | { readonly adaptive: false };

/**
 * The adaptive method of an embedded tableau: finds steps of its own that keep the estimated error within
 * atol + rtol |x|, and ends one at every node of the grid exactly.
 */
export function embeddedRungeKutta(tableau: EmbeddedTableau, options: EmbeddedOptions = {}): Solver {
  const { name, order, weights, errorWeights, coarseErrorWeights, embeddedOrder } = tableau;
  if (options.adaptive === false) {
    const others = Object.keys(options).filter((key) => key !== 'adaptive');
    if (others.length === 0) return explicitRungeKutta({ ...tableau, name: `${name}-fixed` });
    const remedy = 'Leave them out, or adaptive.';
    return refuseArgument({
      where: name,
      expected: 'no other option beside adaptive: false',
      got: others.join(', '),
      remedy,
    });
  }
  const exponent = embeddedOrder + 1;
  const control = stepControl(name, { ...options, exponent });
  const { rtol, atol, maxSteps } = control;
  const [first, last] = [stageSlot(0), stageSlot(weights.length)];
  const kept = { sample: { sample: 1 }, [first]: { [first]: 1 } };
  const tried: Record<string, Combination> = { sample: { sample: 1 }, next: { next: 1 } };
  for (let stage = 0; stage <= weights.length; stage++) tried[stageSlot(stage)] = { [stageSlot(stage)]: 1 };
  const { [last]: _, ...stored } = tried;

  return {
    name,
    order,
    stochastic: false,
    plan(step) {
      const { start, end, memory } = step;
      const { at = start, h, tries = 0, held = 0, e1 = 1, e2 = 1, coarse } = memory;
      if (h === undefined) return initialStep(step, { rtol, atol, exponent });
      const final = h >= Math.abs(end - at);
      const to = final ? end : at + Math.sign(end - at) * h;
      if (!(to !== at && Number.isFinite(to) && tries < maxSteps)) {
        return refuseArgument({
          where: name,
          expected: `an error within rtol ${rtol} and atol ${atol} in ${maxSteps} tries`,
          got: `a step of ${h} at ${at} after ${tries}`,
          remedy: 'Raise rtol, atol or maxSteps, or look for jumps and NaN in the velocity.',
          data: { node: at, tries },
        });
      }
      const measure = (row: readonly number[], decide: (norm: number) => Verdict): Instruction => ({
        kind: 'measure',
        error: increment(row, to - at),
        between: [{ sample: 1 }, { next: 1 }],
        rtol,
        atol,
        decide,
      });
      const judged = measure(errorWeights, (fine) => {
        const norm = coarse === undefined || fine === 0 ? fine : fine ** 2 / Math.hypot(fine, 0.1 * coarse);
        const accepted = norm < 1;
        const wanted = Math.abs(to - at) * control.factor([norm, e1, e2], held > 0);
        const tally = { tries: tries + 1, e1, e2 };
        if (!accepted) return { slots: kept, memory: { ...tally, at, h: wanted, held: 1 }, accepted, done: false };
        // Cut short by the node, the step says little about the next: the longer one was wanted before.
        const longest = final && held === 0 ? Math.max(wanted, h) : wanted;
        const onward = { ...tally, h: longest, e1: Math.max(norm, 1e-10), e2: e1 };
        const slots = { sample: { next: 1 }, [first]: { [last]: 1 } };
        return { slots, memory: final ? onward : { ...onward, at: to }, accepted, done: final };
      });
      if (coarse !== undefined) return [judged];
      const fresh = options.restartAtNodes === true && memory['at'] === undefined && tries > 0;
      const next = { sample: 1, ...increment(weights, to - at) };
      return [
        ...stagesOf(tableau, { start: at, end: to }).slice(fresh ? 0 : 1),
        { kind: 'store', slots: { ...stored, next } },
        { kind: 'evaluate', node: to, sample: { next: 1 }, into: last },
        coarseErrorWeights === undefined
          ? judged
          : measure(coarseErrorWeights, (norm) => ({ slots: tried, memory: { ...memory, coarse: norm }, done: false })),
      ];
    },
  };
}
