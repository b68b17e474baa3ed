import { interpolate } from '@latte-flow/schedulers';
import {
  assignPairs,
  cosineMatcher,
  exactPlan,
  linearMatcher,
  matchPair,
  schroedingerBridgeMatcher,
  sinkhornPlan,
  squaredDistances,
  targetMatcher,
  transportCost,
  type ConditionalMatcher,
  type CostMatrix,
  type TransportPlan,
} from '@latte-flow/schedulers/couplings';

import { list, type Quantity } from '../compare.ts';
import type { Fixture, Json } from '../discover.ts';
import { float64Bound, numberOf, numbersOf, objectOf } from '../fixture-numbers.ts';
import { EXACT, type FixtureReport } from '../report.ts';
import { compare, type Context, joined, rowsOf } from './paths.ts';

const ABOUT = new Set(['kind', 'source', 'convention', 'precision', 'notes', 'tolerance', 'x0', 'x1', 't', 'eps']);

/** A matcher by the name of torchcfm's class; optimal transport pairs otherwise, but goes the same way. */
function matcherOf(name: string, sigma: number): ConditionalMatcher | undefined {
  switch (name.split('_', 1)[0]!.replace(/ConditionalFlowMatcher$/, '')) {
    case '':
    case 'ExactOptimalTransport':
      return linearMatcher({ sigma });
    case 'Target':
      return targetMatcher({ sigma });
    case 'SchrodingerBridge':
      return schroedingerBridgeMatcher({ sigma });
    case 'VariancePreserving':
      return cosineMatcher({ sigma });
    default:
      return undefined;
  }
}

async function checkMatchers(context: Context): Promise<void> {
  const { content } = context;
  const [sources, data, noises] = [
    rowsOf(content['x0'], 'x0'),
    rowsOf(content['x1'], 'x1'),
    rowsOf(content['eps'], 'eps'),
  ];
  const times = numbersOf(content['t'], 't');
  const rows = times.map((time, i) => ({ time, data: data[i]!, source: sources[i]!, noise: noises[i]! }));
  for (const [name, value] of Object.entries(objectOf(content['matchers']))) {
    const { sigma: _, ...fields } = objectOf(value);
    const matcher = matcherOf(name, numberOf(objectOf(value), 'sigma'));
    for (const [quantity, expected] of Object.entries(fields)) {
      // Figures that do not depend on the time come as one number.
      const at = Array.isArray(expected) ? times : times.slice(0, 1);
      const known = matcher && {
        mu_t: () => joined(rows.map(({ source, ...row }) => interpolate(matcher.mean, { ...row, noise: source }))),
        sigma_t: () => list(at.map((time) => matcher.spread(time))),
        lambda_t: () => list(at.map((time) => matcher.scoreWeight(time))),
        x_t: () => joined(rows.map((row) => matchPair(matcher, row).sample)),
        u_t: () => joined(rows.map((row) => matchPair(matcher, row).velocity)),
      };
      const actual = (known as Readonly<Record<string, () => Quantity>> | undefined)?.[quantity];
      await compare(context, `matchers.${name}.${quantity}`, { expected, actual });
    }
  }
}

/** POT's defaults, with which torchcfm calls it. */
const BALANCED = { tolerance: 1e-9, maxIterations: 1000 };
const UNBALANCED = { tolerance: 1e-6, maxIterations: 1000 };
const CONVERGED = { tolerance: 1e-15, maxIterations: 100_000 };

/** A plan by torchcfm's method and keywords; undefined for others. */
function planOf(method: string, keywords: Json, cost: CostMatrix): TransportPlan | undefined {
  const { reg = 0.05, reg_m = 1, normalize_cost = false, ...unknown } = keywords;
  if (typeof reg !== 'number' || typeof reg_m !== 'number' || Object.keys(unknown).length > 0) return undefined;
  const values = Float64Array.from(cost.values);
  const unit = normalize_cost === true ? values.reduce((a, b) => Math.max(a, b)) : 1;
  const costs = { ...cost, values: values.map((value) => value / unit) };
  switch (method) {
    case 'exact':
      return exactPlan(costs);
    case 'sinkhorn':
      return sinkhornPlan(costs, { regularization: reg, ...BALANCED });
    case 'unbalanced':
      return sinkhornPlan(costs, { regularization: reg, marginalPenalty: reg_m, ...UNBALANCED });
    case 'partial':
      // torchcfm moves all of the mass, and goes on for all iterations.
      return sinkhornPlan(costs, { regularization: reg, mass: 1, tolerance: 0, maxIterations: 1000 });
    default:
      return undefined;
  }
}

const sums = ({ rows, columns, values }: TransportPlan, along: 'rows' | 'columns'): Quantity => {
  const total = new Float64Array(along === 'rows' ? rows : columns);
  values.forEach((value, i) => (total[along === 'rows' ? Math.floor(i / columns) : i % columns]! += value));
  return list(total);
};

async function checkPlans(context: Context, plans: Json, cost: CostMatrix): Promise<void> {
  for (const [name, value] of Object.entries(plans)) {
    const { kw, ...fields } = objectOf(value);
    const plan = planOf(name.split('_', 1)[0]!, objectOf(kw), cost);
    const known: Readonly<Record<string, () => Quantity>> = {
      plan: () => list(plan!.values),
      row_sums: () => sums(plan!, 'rows'),
      col_sums: () => sums(plan!, 'columns'),
    };
    for (const [quantity, expected] of Object.entries(fields)) {
      const actual = plan && known[quantity];
      await compare(context, `ot.plans.${name}.${quantity}`, { expected, actual });
    }
  }
}

async function checkTransport(context: Context): Promise<void> {
  const { x0, x1, plans, sinkhorn_converged: converged, ...fields } = objectOf(context.content['ot']);
  const [sources, targets] = [rowsOf(x0, 'x0'), rowsOf(x1, 'x1')];
  const flat = (points: readonly Float64Array[]) => points.flatMap((point) => Array.from(point));
  const cost = squaredDistances(flat(sources), flat(targets), { dimension: sources[0]!.length });
  const { rows, columns } = cost;
  const distance = { rows, columns, values: Float64Array.from(cost.values, Math.sqrt) };
  const known: Readonly<Record<string, () => Quantity>> = {
    cost_sq_euclid: () => list(cost.values),
    hungarian_total: () =>
      list([assignPairs(cost).reduce((sum, column, row) => sum + cost.values[row * columns + column]!, 0)]),
    wasserstein2_exact: () => list([Math.sqrt(transportCost(exactPlan(cost), cost))]),
    wasserstein1_exact: () => list([transportCost(exactPlan(distance), distance)]),
  };
  for (const [quantity, expected] of Object.entries(fields)) {
    if (quantity === 'hungarian_j') {
      await context.report.compare('ot.hungarian_j', EXACT, () => [
        list(assignPairs(cost)),
        list(numbersOf(expected, quantity)),
      ]);
    } else await compare(context, `ot.${quantity}`, { expected, actual: known[quantity] });
  }
  await checkPlans(context, objectOf(plans), cost);
  for (const [name, expected] of Object.entries(objectOf(converged))) {
    const regularization = Number(/^reg([\d.e-]+)$/.exec(name)?.[1]);
    const actual =
      regularization > 0 ? () => list(sinkhornPlan(cost, { regularization, ...CONVERGED }).values) : undefined;
    await compare(context, `ot.sinkhorn_converged.${name}`, { expected, actual });
  }
}

const sections: Readonly<Record<string, (context: Context) => Promise<void>>> = {
  matchers: checkMatchers,
  ot: checkTransport,
};

/** Conditional flow matchers, and couplings of minibatches. */
export async function checkCouplings({ content }: Fixture, report: FixtureReport): Promise<void> {
  const context = { content, bound: float64Bound(content), report };
  for (const name of Object.keys(content).filter((field) => !ABOUT.has(field))) {
    const section = sections[name];
    if (section === undefined) report.unsupported(name, 'this quantity is not known');
    else await report.section(name, () => section(context));
  }
}
