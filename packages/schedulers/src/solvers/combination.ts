import type { Combination } from './solver.ts';

/** The sum of weight times combination, without the slots whose coefficient is 0. */
export function weightedSum(...terms: readonly (readonly [weight: number, combination: Combination])[]): Combination {
  const sum: Record<string, number> = {};
  for (const [weight, combination] of terms) {
    for (const slot in combination) sum[slot] = (sum[slot] ?? 0) + weight * combination[slot]!;
  }
  return Object.fromEntries(Object.entries(sum).filter(([, coefficient]) => coefficient !== 0));
}
