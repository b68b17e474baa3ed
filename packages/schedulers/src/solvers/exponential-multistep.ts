import { weightedSum } from './combination.ts';
import { type ExponentialStep, exponentialStep, isSingular, type Kernel, logSnr } from './exponential-step.ts';
import { interpolationWeights } from './interpolation-weights.ts';
import { sigmaView } from './sigma-view.ts';
import { type Combination, type Solver, type Step, stepOf } from './solver.ts';
import { requireTowardsData } from './towards-data.ts';

/** The integrals of u, …, u^count that a method takes, as far as they are not those of the kernel itself. */
export type Moments = (count: number, step: ExponentialStep) => readonly number[];

export interface ExponentialMultistep {
  readonly name: string;
  readonly order: number;
  /** How many predictions a step extrapolates from once there are as many. */
  readonly predictions: number;
  /** Draws noise in every step; its grids run from noise to data. */
  readonly stochastic?: boolean;
  /** Strength of the noise in a step that starts at a sigma. */
  readonly tau?: (sigma: number) => number;
  /** The highest order for a step, by its place in the grid. */
  readonly highestOrder: (step: Step) => number;
  readonly moments: Moments;
  /** Uses the velocity at a step's end to take the step again, with this many differences of predictions. */
  readonly corrector?: { readonly order: number; readonly moments: Moments; corrects(index: number): boolean };
  /** Evaluate the velocity at the last node too, for the corrector. */
  readonly repeatedEnd?: boolean;
  /** Another prediction than that of the data, x - sigma dx/dsigma. */
  readonly prediction?: {
    /** Coefficient of dx/dsigma beside x. */
    slope(sigma: number): number;
    kernel(from: number, to: number): Kernel;
  };
}

/** The highest order for a step if the last ones leave history unused, down to order 1 in the very last. */
export const loweredAtEnd = ({ index, count }: Step, lowered: boolean, repeatedEnd = false): number =>
  lowered ? count - index + Number(repeatedEnd) : Infinity;

/**
 * Multistep exponential integrators in predictions of the data (or the noise) as polynomials in lambda. The method is
 * Euler's plus weighted differences of predictions, so a constant prediction is followed exactly.
 *
 * Slots: `data1`, `data2`, … the last predictions; `held` what the last step gives if the prediction stays constant.
 */
export function exponentialMultistep(method: ExponentialMultistep): Solver {
  const {
    name,
    order,
    predictions,
    stochastic = false,
    tau = () => 0,
    corrector,
    prediction,
    repeatedEnd = false,
  } = method;
  const depth = Math.max(predictions - 1, corrector?.order ?? 0);

  /** What the differences of predictions add; undefined where the step is so long that it is not finite. */
  function differences(step: Step, count: number, { moments, latest, end }: Stage): Combination | undefined {
    const view = sigmaView(step);
    const [from, to] = [view.sigma(step.index), view.sigma(step.index + 1)];
    const exact = exponentialStep(from, to, tau(from));
    const kernel = prediction?.kernel(from, to) ?? exact;
    // Predictions by age at the start of the step: those of a correction are one step older by now.
    const age = end === undefined ? 0 : 1;
    const past = Array.from({ length: count - age }, (_, i) => i + 1);
    const nodes = past.map((i) => (logSnr(view.sigma(step.index - i)) - logSnr(from)) / kernel.unit);
    const points = past.map((i): Combination => ({ [`data${i + age}`]: 1 }));
    if (end !== undefined) {
      nodes.push(1);
      points.push(end);
    }
    const weights = interpolationWeights(nodes, moments(count, { ...exact, ...kernel })).map((w) => w * kernel.scale);
    if (!weights.every(Number.isFinite)) return undefined;
    const total = weights.reduce((sum, weight) => sum + weight, 0);
    return weightedSum([[-total, latest], ...weights.map((weight, i) => [weight, points[i]!] as const)]);
  }

  return {
    name,
    order,
    stochastic,
    plan(step) {
      if (stochastic) requireTowardsData(name, step);
      const view = sigmaView(step);
      const [from, to] = [view.sigma(step.index), view.sigma(step.index + 1)];
      // The first node is no support if lambda is infinite there.
      const available = step.index + 1 - Number(isSingular(view.sigma(0)));
      const orderAt = (at: Step, wanted: number) =>
        Math.max(1, Math.min(wanted, available + at.index - step.index, method.highestOrder(at)));
      const predicted = (sigma: number) => ({ sample: 1, velocity: (prediction?.slope(sigma) ?? -sigma) * view.sign });
      const latest = predicted(from);

      /** Step `taken` once more, with the velocity at its end, or what is there already. */
      const corrected = (taken: Step): Combination => {
        if (corrector === undefined || !corrector.corrects(taken.index)) return { sample: 1 };
        const end = predicted(view.sigma(taken.index + 1));
        const stage = { moments: corrector.moments, latest: { data1: 1 }, end };
        const correction = differences(taken, orderAt(taken, corrector.order), stage);
        return correction === undefined
          ? { sample: 1 }
          : weightedSum([
              [1, { held: 1 }],
              [1, correction],
            ]);
      };
      const sample = step.index === 0 ? { sample: 1 } : corrected(stepOf(step.grid, step.index - 1));
      const { retained, gain, noise } = exponentialStep(from, to, tau(from));
      // Where data and velocity belong to the same x, as always without a corrector, this is Euler's method.
      const held =
        noise === 0 && sample['sample'] === 1 && Object.keys(sample).length === 1
          ? { sample: 1, velocity: (to - from) * view.sign }
          : weightedSum([
              [retained, sample],
              [gain, latest],
              [noise, { noise: 1 }],
            ]);
      const taken = orderAt(step, predictions);
      const added =
        taken === 1 || to === 1 || (to === 0 && prediction === undefined)
          ? undefined
          : differences(step, taken - 1, { moments: method.moments, latest });
      const history = Array.from({ length: Math.min(depth, step.index + 1) }, (_, i) => [
        `data${i + 1}`,
        i === 0 ? latest : { [`data${i}`]: 1 },
      ]);
      return [
        { kind: 'evaluate', node: step.start, sample: { sample: 1 }, into: 'velocity' },
        ...(stochastic ? [{ kind: 'draw', into: 'noise' } as const] : []),
        {
          kind: 'store',
          slots: {
            sample:
              added === undefined
                ? held
                : weightedSum([
                    [1, held],
                    [1, added],
                  ]),
            ...(corrector === undefined ? {} : { held }),
            ...Object.fromEntries(history),
          },
        },
        ...(repeatedEnd && corrector !== undefined && step.index === step.count - 1 && !isSingular(to)
          ? [
              { kind: 'evaluate', node: step.end, sample: { sample: 1 }, into: 'velocity' } as const,
              { kind: 'store', slots: { sample: corrected(step) } } as const,
            ]
          : []),
      ];
    },
  };
}

interface Stage {
  readonly moments: Moments;
  readonly latest: Combination;
  /** The prediction at the end of the step, if it is known. */
  readonly end?: Combination;
}
