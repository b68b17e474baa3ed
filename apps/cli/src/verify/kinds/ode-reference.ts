import { exactDivergence, logLikelihood } from '@latte-flow/schedulers/likelihood';
import { dop853 } from '@latte-flow/schedulers/dop853';

import { list } from '../compare.ts';
import type { Fixture, Json } from '../discover.ts';
import { float64Bound, numbersOf, objectOf } from '../fixture-numbers.ts';
import type { FixtureReport } from '../report.ts';
import { elementwiseField, runField } from './elementwise-field.ts';
import { checkAdaptive } from './ode-adaptive.ts';
import { type Checks, checkFields, flat, type OdeContext } from './ode-context.ts';
import { checkFixedStep } from './ode-fixed-step.ts';

/** As close as float64 lets a reference of more digits be met. */
const accurate = dop853({ rtol: 1e-13, atol: 1e-13 });

async function checkReference(context: OdeContext, reference: Json): Promise<void> {
  const { report, bound, field, initial } = context;
  const nodes = numbersOf(reference['sigma'], 'reference.sigma');
  const compare = (name: string, expected: () => number[]) =>
    report.compare(`reference.${name}`, bound, () => [
      flat(runField(accurate, { field, sigmas: nodes, sample: initial }).samples),
      list(expected()),
    ]);
  const digits = () => [reference['x_20_digits']].flat(Number.POSITIVE_INFINITY).map(Number);
  const checks: Checks = {
    x: () => compare('x', () => numbersOf(reference['x'], 'reference.x')),
    x_20_digits: () => compare('x_20_digits', digits),
  };
  await checkFields(reference, checks, { report, at: 'reference.' });
}

/** The stated claim: the reference's end, integrated back to its start, is the initial sample. */
async function checkInversion(context: OdeContext, { note }: Json): Promise<void> {
  const { report, bound, field, initial, start, end, final } = context;
  const stated = Number(/within ([\d.]+(?:e[+-]?\d+)?)/.exec(String(note))?.[1] ?? bound.tolerance);
  await report.compare('inversion', { metric: 'absolute', tolerance: stated }, () => [
    list(runField(accurate, { field, sigmas: [end, start], sample: Float64Array.from(final) }).sample),
    list(initial),
  ]);
}

async function checkLogLikelihood(context: OdeContext, expected: Json): Promise<void> {
  const { report, bound, field, start, end } = context;
  const data = expected['x_data'];
  const result = await logLikelihood(accurate, {
    sample: Float64Array.from(numbersOf(data, 'log_likelihood.x_data')),
    batch: Array.isArray(data) && Array.isArray(data[0]) ? data.length : 1,
    velocity: (x, sigma) => x.map((value) => field.velocity(value, sigma)),
    divergence: exactDivergence((cotangent, { sample, node }) =>
      cotangent.map((value, i) => value * field.derivative(sample[i]!, node)),
    ),
    sigmas: [end, start],
  });
  const quantities = {
    x_source: result.sample,
    log_p0: result.logPrior,
    divergence_integral: result.divergenceIntegral,
    log_p1: result.logLikelihood,
  };
  const at = 'log_likelihood.';
  const checks = Object.entries(quantities).map(([name, actual]) => [
    name,
    () => report.compare(`${at}${name}`, bound, () => [list(actual), list(numbersOf(expected[name], name))]),
  ]);
  await checkFields(expected, Object.fromEntries(checks), { report, at });
}

/** Fixed-step and adaptive methods, inversion and log-likelihood on an ODE that is known to 20 digits, in float64. */
export async function checkOdeReference({ content }: Fixture, report: FixtureReport): Promise<void> {
  const field = elementwiseField(content['model']);
  if (field === undefined) {
    report.unsupported('*', `the model ${String(content['model'])} is not known`);
    return;
  }
  const reference = objectOf(content['reference']);
  const sigmas = numbersOf(reference['sigma'], 'reference.sigma');
  const initial = Float64Array.from(numbersOf(content['initial_sample'], 'initial_sample'));
  const final = numbersOf(reference['x'], 'reference.x').slice(-initial.length);
  const context = {
    report,
    bound: float64Bound(content),
    field,
    initial,
    start: sigmas[0]!,
    end: sigmas.at(-1)!,
    final,
  };
  const each = async (fields: unknown, at: string, check: (name: string, entry: Json) => Promise<void>) => {
    for (const [name, entry] of Object.entries(objectOf(fields))) {
      await report.section(`${at}${name}`, () => check(name, objectOf(entry)));
    }
  };
  const { fixed_step: fixed, scipy_adaptive: adaptive } = content;
  const within = (section: unknown, at: string, checks: Checks) =>
    checkFields(objectOf(section), checks, { report, at });
  const checks: Checks = {
    reference: () => checkReference(context, reference),
    fixed_step: () =>
      within(fixed, 'fixed_step.', {
        methods: () =>
          each(objectOf(fixed)['methods'], 'fixed_step.', (name, entry) => checkFixedStep(context, name, entry)),
      }),
    scipy_adaptive: () =>
      within(adaptive, 'scipy_adaptive.', {
        runs: () =>
          each(objectOf(adaptive)['runs'], 'scipy_adaptive.', (name, entry) => checkAdaptive(context, name, entry)),
      }),
    inversion: () => checkInversion(context, objectOf(content['inversion'])),
    log_likelihood: () => checkLogLikelihood(context, objectOf(content['log_likelihood'])),
  };
  await checkFields(content, checks, { report, at: '' });
}
