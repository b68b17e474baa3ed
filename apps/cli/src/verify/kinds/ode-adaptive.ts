import { bosh3, dopri5 } from '@latte-flow/schedulers';
import { dop853 } from '@latte-flow/schedulers/dop853';

import { list } from '../compare.ts';
import type { Json } from '../discover.ts';
import { numberOf, numbersOf } from '../fixture-numbers.ts';
import { type Bound, EXACT } from '../report.ts';
import { runField } from './elementwise-field.ts';
import { type Checks, checkFields, errorOf, type OdeContext } from './ode-context.ts';

/** scipy's names. */
const ADAPTIVE: Readonly<Record<string, typeof dopri5>> = { RK23: bosh3, RK45: dopri5, DOP853: dop853 };

/** A run of scipy's `solve_ivp`, named by its method and tolerances: its steps, not only its end. */
export async function checkAdaptive(context: OdeContext, name: string, expected: Json): Promise<void> {
  const { report, bound, field, initial, start, end } = context;
  const at = `scipy_adaptive.${name}.`;
  const [, method = '', rtol, atol] = /^(\w+?)_rtol(.+)_atol(.+)$/.exec(name) ?? [];
  const factory = ADAPTIVE[method];
  if (factory === undefined) {
    report.unsupported(at.slice(0, -1), `no solver is known as ${name}`);
    return;
  }
  const solver = factory({ rtol: Number(rtol), atol: Number(atol) });
  const run = runField(solver, { field, sigmas: [start, end], sample: initial });
  // Step lengths follow from error estimates, whose own rounding weighs the more the smaller the tolerance is; those of
  // DOP853 lie far below its tolerance: scipy's steps at 1e-8 move by 3e-8 when the elements change their order.
  const rounding = (method === 'DOP853' ? 5e-14 : 1e-18) / Number(rtol);
  const steps: Bound = { ...bound, tolerance: Math.max(bound.tolerance, rounding) };
  const checks: Checks = {
    sigma_steps: () =>
      report.compare(`${at}sigma_steps`, steps, () => [
        list(run.taken),
        list(numbersOf(expected['sigma_steps'], 'sigma_steps')),
      ]),
    nfev: () => report.compare(`${at}nfev`, EXACT, () => [list([run.evaluations]), list([numberOf(expected, 'nfev')])]),
    final: () =>
      report.compare(`${at}final`, bound, () => [list(run.sample), list(numbersOf(expected['final'], 'final'))]),
    error_at_0: () =>
      report.compare(`${at}error_at_0`, bound, () => [
        list([errorOf(context, run)]),
        list([numberOf(expected, 'error_at_0')]),
      ]),
  };
  await checkFields(expected, checks, { report, at });
}
