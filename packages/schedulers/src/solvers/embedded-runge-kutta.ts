import { refuseArgument } from '@latte-flow/core';

import { initialStep } from './initial-step.ts';
import { explicitRungeKutta, increment, stageSlot, stagesOf, type Tableau } from './runge-kutta.ts';
import type { Combination, Solver, Verdict } from './solver.ts';
import { stepControl, type StepControlOptions } from './step-control.ts';

/** A tableau with an estimate of its error, whose last stage is the next step's first: the velocity at the new x. */
export interface EmbeddedTableau extends Tableau {
  /** b_i minus the weights of the embedded method, one more than there are stages: the last is for the new velocity. */
  readonly errorWeights: readonly number[];
  /** Order of the embedded method. */
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
  const { name, order, weights, errorWeights, embeddedOrder } = tableau;
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
  const identity: Record<string, Combination> = {};
  weights.forEach((_, stage) => (identity[stageSlot(stage)] = { [stageSlot(stage)]: 1 }));

  return {
    name,
    order,
    stochastic: false,
    plan(step) {
      const { start, end, memory } = step;
      const { at = start, h, tries = 0, held = 0, e1 = 1, e2 = 1 } = memory;
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
      const taken = Math.abs(to - at);
      const stages = stagesOf(tableau, { start: at, end: to });
      const fresh = options.restartAtNodes === true && memory['at'] === undefined && tries > 0;
      return [
        ...stages.slice(fresh ? 0 : 1),
        {
          kind: 'store',
          slots: { ...identity, sample: { sample: 1 }, next: { sample: 1, ...increment(weights, to - at) } },
        },
        { kind: 'evaluate', node: to, sample: { next: 1 }, into: last },
        {
          kind: 'measure',
          error: increment(errorWeights, to - at),
          between: [{ sample: 1 }, { next: 1 }],
          rtol,
          atol,
          decide(norm): Verdict {
            const accepted = norm < 1;
            const wanted = taken * control.factor([norm, e1, e2], held > 0);
            if (!accepted) {
              const memory = { at, h: wanted, tries: tries + 1, held: 1, e1, e2 };
              return { slots: kept, memory, accepted, done: false };
            }
            // Cut short by the node, the step says little about the next: the longer one was wanted before.
            const longest = final && held === 0 ? Math.max(wanted, h) : wanted;
            const onward = { h: longest, tries: tries + 1, e1: Math.max(norm, 1e-10), e2: e1 };
            const slots = { sample: { next: 1 }, [first]: { [last]: 1 } };
            return { slots, memory: final ? onward : { ...onward, at: to }, accepted, done: final };
          },
        },
      ];
    },
  };
}
