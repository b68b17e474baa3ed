import { requireFinite, requireOneOf } from '@latte-flow/core';

import type { Instruction, Step } from './solver.ts';
import { descent } from './towards-data.ts';

/** Noise that is added before a step, which then is longer by as much (Karras et al., 2022, algorithm 2). */
export interface Churn {
  /** S_churn, >= 0: sigma becomes (1 + min(amount / calls, sqrt(2) - 1)) sigma. */
  readonly amount: number;
  /** The sigmas that are churned, both ends included. Default all. */
  readonly min?: number;
  readonly max?: number;
  /** Factor of the noise, >= 0. Default 1. */
  readonly noiseScale?: number;
  /** What `amount` is divided by, > 0. Default 2 N - 1, the evaluations of a run of N steps with `eulerAtFinal`, as upstream. */
  readonly calls?: number;
  /**
   * `sigma` does what diffusers' `FlowMatchHeunDiscreteScheduler` does: the velocity is taken before the noise is added, and
   * scaled by sigma / sigma-hat. That follows neither the flow nor its noise. `sigma-hat` does it right: x is brought to
   * sigma-hat on the linear path, (1 - sigma-hat) / (1 - sigma) x plus the noise that is missing there, which leaves its
   * distribution as the flow has it, and the velocity is taken there. No noise is added to pure noise. Default `sigma`.
   */
  readonly evaluateAt?: 'sigma' | 'sigma-hat';
}

/** Refuses numbers and names that are out of range. */
export function requireChurn({ evaluateAt, ...numbers }: Churn): void {
  for (const [name, value] of Object.entries(numbers)) requireFinite('heun', `churn.${name}`, value ?? 0, { min: 0 });
  requireOneOf('heun', 'churn.evaluateAt', evaluateAt ?? 'sigma', ['sigma', 'sigma-hat']);
}

/** Heun's step with churn, or Euler's; undefined where the step's sigma is not churned. */
export function churnedStep(
  { amount, min = 0, max = 1, noiseScale = 1, calls, evaluateAt }: Churn,
  { step, eulerStep }: { readonly step: Step; readonly eulerStep: boolean },
): readonly Instruction[] | undefined {
  const { s, t, sign } = descent('heun', step);
  const gamma = Math.min(amount / (calls ?? 2 * step.count - 1), Math.SQRT2 - 1);
  const onPath = evaluateAt === 'sigma-hat';
  if (gamma === 0 || s < min || s > max || (onPath && s === 1)) return undefined;

  const hat = onPath ? Math.min(1, s * (1 + gamma)) : s * (1 + gamma);
  const sample = onPath ? (1 - hat) / (1 - s) : 1;
  const noised = { sample, noise: noiseScale * Math.sqrt(hat * hat - (sample * s) ** 2) };
  const h = sign * (t - hat);
  const weight = onPath ? h : (h * s) / hat;
  const draw: Instruction = { kind: 'draw', into: 'noise' };
  const predicted = { ...noised, velocity: weight };
  const first: readonly Instruction[] = onPath
    ? [draw, { kind: 'evaluate', node: sign === 1 ? hat : 1 - hat, sample: noised, into: 'velocity' }]
    : [{ kind: 'evaluate', node: step.start, sample: { sample: 1 }, into: 'velocity' }, draw];
  if (eulerStep) return [...first, { kind: 'store', slots: { sample: predicted } }];
  return [
    ...first,
    { kind: 'evaluate', node: step.end, sample: predicted, into: 'corrected' },
    { kind: 'store', slots: { sample: { ...noised, velocity: weight / 2, corrected: h / 2 } } },
  ];
}
