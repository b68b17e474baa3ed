import { weightedSum } from './combination.ts';
import { agedData, changeOfData, dataSlot, type Support } from './data-history.ts';
import { exponentialStep, isSingular, type Kernel, logSnr } from './exponential-step.ts';
import { sigmaView } from './sigma-view.ts';
import { evaluateOnce } from './single-evaluation.ts';
import { type Combination, type Solver, type Step, stepOf } from './solver.ts';
import { requireTowardsData } from './towards-data.ts';

/** The integrals of u, …, u^count that a method uses; `exactMoments` are the true ones. */
export type Moments = (count: number, kernel: Kernel) => readonly number[];

/** A polynomial through predictions. */
export interface Rule {
  /** How many of those made up to the start of the step it uses, once there are as many. */
  readonly predictions: number;
  readonly moments: Moments;
}

export interface ExponentialMultistep {
  readonly name: string;
  readonly order: number;
  readonly predictor: Rule;
  /** Takes a step once more, with the prediction at its end besides, when the velocity there is known. */
  readonly corrector?: Rule & { corrects(index: number): boolean };
  /** The most predictions for a step, by its place in the grid. */
  readonly most: (step: Step) => number;
  /** Draws noise in every step; its grids run from noise to data. */
  readonly stochastic?: boolean;
  /** Strength of the noise in a step that starts at a sigma. */
  readonly tau?: (sigma: number) => number;
  /** Coefficient of dx/dsigma beside x in the prediction, if it is not that of the data, and its kernel. */
  readonly slope?: (sigma: number) => number;
  readonly kernel?: (from: number, to: number, tau: number) => Kernel;
}

/** The most predictions for a step where the last steps leave them unused, down to one in the very last. */
export const fewerAtEnd = ({ index, count }: Step, lowered: boolean): number => (lowered ? count - index : Infinity);

/**
 * Multistep exponential integrators: Euler's step plus weighted differences of the last predictions, so that a constant
 * prediction is followed exactly. Slots: `data1`, `data2`, … the predictions by age; `held` what the last step would have
 * given with a constant prediction.
 */
export function exponentialMultistep({
  name,
  order,
  predictor,
  corrector,
  most,
  stochastic = false,
  tau = () => 0,
  slope = (sigma) => -sigma,
  kernel: kernelOf = exponentialStep,
}: ExponentialMultistep): Solver {
  const depth = Math.max(predictor.predictions - 1, corrector?.predictions ?? 0);
  return {
    name,
    order,
    stochastic,
    plan(step) {
      if (stochastic) requireTowardsData(name, step);
      const { grid, index } = step;
      const { sigma, sign } = sigmaView(step);
      const predicted = (node: number, weight = slope) => ({ sample: 1, velocity: weight(sigma(node)) * sign });

      /** What the prediction's change adds to this step or the one before. */
      const change = (at: Step, { predictions, moments }: Rule, end: readonly Support[] = []) => {
        // Slots are older by this than they were at the step's start.
        const age = index - at.index;
        const from = sigma(at.index);
        const kernel = kernelOf(from, sigma(at.index + 1), tau(from));
        // The first node is no support if lambda is infinite there.
        const count = Math.min(predictions, most(at), at.index + 1 - Number(isSingular(sigma(0))));
        const supports = Array.from({ length: Math.max(0, count - 1) }, (_, i): Support => [
          (logSnr(sigma(at.index - i - 1)) - logSnr(from)) / kernel.unit,
          dataSlot(i + 1 + age),
        ]).concat(end);
        const first = age === 0 ? predicted(index) : dataSlot(age);
        return changeOfData(first, { supports, moments: moments(supports.length, kernel), kernel });
      };

      let sample: Combination = { sample: 1 };
      if (index > 0 && corrector?.corrects(index - 1)) {
        const correction = change(stepOf(grid, index - 1), corrector, [[1, predicted(index)]]);
        if (correction !== undefined) sample = weightedSum([1, { held: 1 }], [1, correction]);
      }
      const { retained, gain, drift, noise } = exponentialStep(sigma(index), sigma(index + 1), tau(sigma(index)));
      const held = weightedSum(
        [retained, sample],
        [gain, predicted(index, (s) => -s)],
        [1, { velocity: drift * sign, noise }],
      );
      return evaluateOnce(step, {
        draws: stochastic,
        slots: {
          sample: weightedSum([1, held], [1, change(step, predictor) ?? {}]),
          ...(corrector && { held }),
          ...agedData(predicted(index), Math.min(depth, index + 1)),
        },
      });
    },
  };
}
