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

const slotOf = (stage: number) => `velocity${stage}`;

/** x + h sum_j row_j v_j, leaving out what has no weight. */
function advanced(row: readonly number[], h: number): Combination {
  const terms = row.map((weight, stage) => [slotOf(stage), h * weight] as const).filter(([, weight]) => weight !== 0);
  return { sample: 1, ...Object.fromEntries(terms) };
}

/** The explicit Runge-Kutta method of a tableau, as many evaluations a step as it has stages. */
export function explicitRungeKutta(tableau: Tableau): Solver {
  return {
    name: tableau.name,
    order: tableau.order,
    stochastic: false,
    plan({ start, end }) {
      const h = end - start;
      const stages = tableau.nodes.map((node, stage): Instruction => ({
        kind: 'evaluate',
        // The ends are taken as they are: start + 1 * h may miss the end by a rounding.
        node: node === 1 ? end : start + node * h,
        sample: advanced(tableau.coefficients[stage]!, h),
        into: slotOf(stage),
      }));
      return [...stages, { kind: 'store', slots: { sample: advanced(tableau.weights, h) } }];
    },
  };
}
