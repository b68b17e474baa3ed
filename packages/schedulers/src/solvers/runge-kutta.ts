import type { Combination, Instruction, Solver } from './solver.ts';

/** A Butcher tableau of an explicit method with as many rows as stages. */
export interface Tableau {
  readonly name: string;
  readonly order: number;
  /** c_i: where in the step stage i is evaluated, from 0 (start) to 1 (end). */
  readonly nodes: readonly number[];
  /** a_ij, row i with i entries. */
  readonly coefficients: readonly (readonly number[])[];
  /** b_i */
  readonly weights: readonly number[];
}

/** Where a Runge-Kutta method keeps the velocity of a stage. */
export const stageSlot = (stage: number) => `velocity${stage}`;

/** h sum_j row_j v_j, leaving out what has no weight. */
export function increment(row: readonly number[], h: number): Combination {
  return Object.fromEntries(
    row.map((weight, stage) => [stageSlot(stage), h * weight] as const).filter(([, weight]) => weight !== 0),
  );
}

/** The evaluations of a tableau from `start` to `end`. */
export function stagesOf(
  { nodes, coefficients }: Tableau,
  { start, end }: { readonly start: number; readonly end: number },
): readonly Instruction[] {
  const h = end - start;
  return nodes.map((node, stage) => ({
    kind: 'evaluate',
    // The ends are taken as they are: start + 1 * h may miss the end by a rounding.
    node: node === 1 ? end : start + node * h,
    sample: { sample: 1, ...increment(coefficients[stage]!, h) },
    into: stageSlot(stage),
  }));
}

/** The explicit Runge-Kutta method of a tableau, as many evaluations a step as it has stages. */
export function explicitRungeKutta(tableau: Tableau): Solver {
  return {
    name: tableau.name,
    order: tableau.order,
    stochastic: false,
    plan: (step) => [
      ...stagesOf(tableau, step),
      { kind: 'store', slots: { sample: { sample: 1, ...increment(tableau.weights, step.end - step.start) } } },
    ],
  };
}
