import {
  bosh3,
  dopri5,
  euler,
  explicitRungeKutta,
  heun,
  midpoint,
  rk4,
  rk4ThreeEighths,
  type Solver,
} from '@latte-flow/schedulers';

import { list } from '../compare.ts';
import type { Json } from '../discover.ts';
import { numberOf, numbersOf } from '../fixture-numbers.ts';
import { EXACT } from '../report.ts';
import { runField } from './elementwise-field.ts';
import { type Checks, checkFields, errorOf, flat, type OdeContext } from './ode-context.ts';

/** The solvers behind the names of fixed-step methods; others run by their tableau alone. */
const FIXED: Readonly<Record<string, () => Solver>> = {
  euler,
  midpoint,
  heun2: () => heun(),
  bosh3: () => bosh3({ adaptive: false }),
  rk4_classic: rk4,
  rk4_38: rk4ThreeEighths,
  dopri5: () => dopri5({ adaptive: false }),
};
/** A method from node to node: under its name where it has one, and by the tableau that the fixture states. */
export async function checkFixedStep(context: OdeContext, name: string, method: Json): Promise<void> {
  const { report, bound, field, initial, start, end } = context;
  const at = `fixed_step.${name}.`;
  const trajectory = numbersOf(method['trajectory'], `${at}trajectory`);
  const steps = trajectory.length / initial.length - 1;
  const run = (solver: Solver, count: number) => {
    const sigmas = Array.from({ length: count + 1 }, (_, i) => (start * (count - i) + end * i) / count);
    return runField(solver, { field, sigmas, sample: initial });
  };
  const rows = method['a'];
  if (!Array.isArray(rows)) throw new TypeError(`The fixture has no tableau of ${name}.`);
  const tableau = explicitRungeKutta({
    name,
    order: 1,
    nodes: numbersOf(method['c'], 'c'),
    coefficients: rows.map((row: unknown) => (Array.isArray(row) && row.length === 0 ? [] : numbersOf(row, 'a'))),
    weights: numbersOf(method['b'], 'b'),
  });
  const named = FIXED[name]?.();
  const solver = named ?? tableau;
  const orders = Object.keys(method).flatMap((field_) => {
    const [, coarse, fine] = /^observed_order_(\d+)_to_(\d+)$/.exec(field_) ?? [];
    return fine === undefined ? [] : [[field_, Number(coarse), Number(fine)] as const];
  });
  const checks: Checks = {
    async trajectory() {
      const variants = named === undefined ? { by_tableau: tableau } : { by_name: named, by_tableau: tableau };
      for (const [label, variant] of Object.entries(variants)) {
        await report.compare(`${at}trajectory.${label}`, bound, () => [
          flat(run(variant, steps).samples),
          list(trajectory),
        ]);
      }
    },
    nfe: () =>
      report.compare(`${at}nfe`, EXACT, () => [
        list([run(solver, steps).evaluations]),
        list([numberOf(method, 'nfe')]),
      ]),
    error_at_0: () =>
      report.compare(`${at}error_at_0`, bound, () => [
        list([errorOf(context, run(solver, steps))]),
        list([numberOf(method, 'error_at_0')]),
      ]),
    ...Object.fromEntries(
      orders.map(([field_, coarse, fine]) => [
        field_,
        () => {
          const [before, after] = [errorOf(context, run(solver, coarse)), errorOf(context, run(solver, fine))];
          // An error is known to a rounding of x, and its logarithm to that over the error.
          const tolerance = bound.tolerance + 1e-15 / (after * Math.LN2);
          const order = Math.log(before / after) / Math.log(fine / coarse);
          return report.compare(`${at}${field_}`, { metric: 'absolute', tolerance }, () => [
            list([order]),
            list([numberOf(method, field_)]),
          ]);
        },
      ]),
    ),
  };
  await checkFields(method, checks, { report, at });
}
