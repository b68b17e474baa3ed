import { requireFinite, requireOneOf } from '@latte-flow/core';

import { conversionCoefficients } from '../paths/conversion.ts';
import { linearPath } from '../paths/linear.ts';
import type { Path } from '../paths/path.ts';
import { weightedSum } from './combination.ts';
import { type DiffusionForm, diffusionForms, diffusionRatio } from './diffusion-form.ts';
import { singleEvaluation } from './single-evaluation.ts';
import type { Solver } from './solver.ts';
import { descent } from './towards-data.ts';

export interface MarginalPreservingSdeOptions {
  /** The path that the velocity was trained on; it makes the score of it. Default `linearPath`. */
  readonly path?: Path;
  /** w(t): `constant` k, `sbdm` k (sigma^2 alpha'/alpha - sigma sigma'), `sigma` k sigma, `linear` k (1 - t), `decreasing`
   * (k cos(pi t) + 1)^2 / 4, `increasing-decreasing` k sin^2(pi t). Default `sigma`, the one that is finite at both ends
   * of every path. */
  readonly diffusion?: DiffusionForm;
  /** k, >= 0. Default 1. */
  readonly norm?: number;
  /** `euler-maruyama` evaluates once a step, `heun` draws first and then takes Heun's step of the drift. Default
   * `euler-maruyama`. */
  readonly method?: 'euler-maruyama' | 'heun';
  /** What the last step of the grid is: `tweedie` the predicted data, `mean` the drift without noise, `euler` the velocity
   * alone, `none` a step like the others. Default `tweedie`: SiT's `mean` takes off too much noise unless it is short. */
  readonly lastStep?: 'mean' | 'tweedie' | 'euler' | 'none';
}

const WHERE = 'marginalPreservingSde';

/**
 * The SDE dx = (u + w s) dt + sqrt(2 w) dW with the velocity u and the score s of the path: at every time x has the
 * distribution that the flow gives it, whatever w >= 0 (Ma et al., "SiT", 2024, section 2.4). Weak order 1. The size of the
 * last step is that of the grid: SiT's 250 steps with `last_step_size` 0.04 are 250 times from 0 to 0.96, then 1.
 *
 * w = (a^2 / 2) sbdm is the SDE of Flow-GRPO with noise level a; `transitionLogProbability` has its log-probabilities.
 *
 * @throws LatteFlowError `invalid-argument` for an unknown name or a negative norm; its plan, for a grid from data to
 * noise, or a node at which w times the score is not finite (`sbdm` at t = 0, `constant` at t = 1).
 */
export function marginalPreservingSde({
  path = linearPath,
  diffusion: form = 'sigma',
  norm = 1,
  method = 'euler-maruyama',
  lastStep = 'tweedie',
}: MarginalPreservingSdeOptions = {}): Solver {
  requireFinite(WHERE, 'norm', norm, { min: 0 });
  requireOneOf(WHERE, 'diffusion', form, diffusionForms);
  requireOneOf(WHERE, 'method', method, ['euler-maruyama', 'heun']);
  requireOneOf(WHERE, 'lastStep', lastStep, ['mean', 'tweedie', 'euler', 'none']);

  /** The drift u + w s as x and u times these, and w. The score s is the noise divided by -sigma. */
  function driftAt(time: number) {
    const ratio = diffusionRatio({ path, form, norm }, time);
    const noise = conversionCoefficients(path, { from: 'velocity', to: 'noise', time });
    return { x: -ratio * noise.sample, u: 1 - ratio * noise.prediction, w: ratio * path.sigma(time) };
  }

  return {
    name: 'marginal-preserving-sde',
    order: 1,
    stochastic: true,
    plan(step) {
      const { sign } = descent(WHERE, step);
      // Not by way of sigmas and back, which would cost small times their last digits.
      const [start, end] = sign === 1 ? [1 - step.start, 1 - step.end] : [step.start, step.end];
      const h = end - start;
      const once = (sample: number, u: number, noise?: number) =>
        singleEvaluation(step, { sample, velocity: -sign * u, noise });
      const special = step.index === step.count - 1 && lastStep;
      if (special === 'euler') return once(1, h);
      if (special === 'tweedie') {
        const data = conversionCoefficients(path, { from: 'velocity', to: 'data', time: start });
        return once(data.sample, data.prediction);
      }
      const { x, u, w } = driftAt(start);
      if (special === 'mean') return once(1 + h * x, h * u);
      const noise = Math.sqrt(2 * w * h);
      if (method === 'euler-maruyama') return once(1 + h * x, h * u, noise);
      const last = driftAt(end);
      const noised = { sample: 1, noise };
      const drift = weightedSum([x, noised], [-sign * u, { velocity: 1 }]);
      const predicted = weightedSum([1, noised], [h, drift]);
      const corrected = weightedSum([last.x, predicted], [-sign * last.u, { corrected: 1 }]);
      return [
        { kind: 'draw', into: 'noise' },
        { kind: 'evaluate', node: step.start, sample: noised, into: 'velocity' },
        { kind: 'evaluate', node: step.end, sample: predicted, into: 'corrected' },
        { kind: 'store', slots: { sample: weightedSum([1, noised], [h / 2, drift], [h / 2, corrected]) } },
      ];
    },
  };
}
