import { weightedSum } from './combination.ts';
import type { Kernel } from './exponential-step.ts';
import { interpolationWeights } from './interpolation-weights.ts';
import type { Combination } from './solver.ts';

/** The slot of the data prediction that was made `age` steps ago. */
export const dataSlot = (age: number): Combination => ({ [`data${age}`]: 1 });

/** The slots of the last `length` data predictions after a step that made `latest`. */
export function agedData(latest: Combination, length: number): Readonly<Record<string, Combination>> {
  return Object.fromEntries(Array.from({ length }, (_, age) => [`data${age + 1}`, age === 0 ? latest : dataSlot(age)]));
}

/** Where in the step (u) a data prediction was made, and the prediction. */
export type Support = readonly [position: number, prediction: Combination];

/**
 * What the data prediction's change adds to a step: the polynomial in u through `first` at 0 and the supports, integrated
 * by the moments. Undefined where the step leads to or from infinite lambda and the polynomial's integral has no limit.
 */
export function changeOfData(
  first: Combination,
  { supports, moments, kernel }: { supports: readonly Support[]; moments: readonly number[]; kernel: Kernel },
): Combination | undefined {
  const nodes = supports.map(([position]) => position);
  const weights = interpolationWeights(nodes, moments).map((weight) => kernel.scale * weight);
  if (!weights.every(Number.isFinite)) return undefined;
  return weightedSum(
    ...weights.flatMap((weight, i) => [[weight, supports[i]![1]] as const, [-weight, first] as const]),
  );
}
