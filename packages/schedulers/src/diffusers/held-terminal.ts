import { evaluateOnce } from '../solvers/single-evaluation.ts';
import type { Instruction, Solver, Step } from '../solvers/solver.ts';

/**
 * The solver over a grid whose last node is there twice, given without its double: after the last step it takes the step of
 * no length too, which evaluates once more, corrects if it is a corrector, and leaves the noise of that node in the sample.
 */
export function heldTerminal(solver: Solver): Solver {
  return {
    ...solver,
    plan(step) {
      const nodes = [...step.grid.nodes, step.grid.nodes.at(-1)!];
      const seen: Step = { ...step, grid: { ...step.grid, nodes }, count: step.count + 1 };
      if (step.index < step.count - 1) return solver.plan(seen);
      const held: Step = { ...seen, index: step.count, start: step.end, memory: {} };
      return [...solver.plan(seen), ...solver.plan(held)] satisfies readonly Instruction[];
    },
  };
}

/** The solver of a run that is nothing but the repeated last node: one evaluation, and the sample as it was. */
export function standstill({ name, order }: Solver): Solver {
  return {
    name,
    order,
    stochastic: false,
    plan: (step) => evaluateOnce(step, { draws: false, slots: { sample: { sample: 1 } } }),
  };
}
