import { readFile } from 'node:fs/promises';

import { expect, test } from 'vitest';

import type { Json } from '../discover.ts';
import { FixtureReport, type CheckLine } from '../report.ts';
import { checkCouplings } from './couplings.ts';
import type { FixtureCheck } from './index.ts';
import { checkPaths } from './paths.ts';

const fixtures = new URL('../../../../../test/fixtures/schedulers/', import.meta.url);
const read = async (name: string): Promise<Json> => JSON.parse(await readFile(new URL(name, fixtures), 'utf8'));

async function linesOf(check: FixtureCheck, content: Json): Promise<CheckLine[]> {
  const lines: CheckLine[] = [];
  const report = new FixtureReport({
    fixture: 'test',
    kind: 'test',
    device: 'cpu',
    signal: undefined,
    onLine: (line) => lines.push(line),
  });
  await check({ path: 'test', kind: 'test', content }, report);
  return lines;
}

const statuses = (lines: readonly CheckLine[], status: CheckLine['status']) =>
  lines.filter((line) => line.status === status).map(({ quantity }) => quantity);

test('every quantity of the paths passes', async () => {
  const lines = await linesOf(checkPaths, await read('flow_matching_paths.json'));
  expect(lines.length).toBeGreaterThan(100);
  expect(lines.filter(({ status }) => status !== 'pass')).toEqual([]);
});

test('every quantity of the couplings passes', async () => {
  const lines = await linesOf(checkCouplings, await read('torchcfm.json'));
  expect(lines.length).toBeGreaterThan(50);
  expect(lines.filter(({ status }) => status !== 'pass')).toEqual([]);
});

test('paths: a wrong figure fails, what is not known is unsupported', async () => {
  const vp = { params: { beta_min: 0.1, beta_max: 20 }, alpha: [0.2], curvature: [0] };
  const schedulers = {
    VP: vp,
    Elliptic: { params: {}, alpha: [1] },
    Polynomial_n2: { params: { m: 2 }, alpha: [0.25] },
  };
  const lines = await linesOf(checkPaths, { t: [0.5], schedulers, geodesic: {} });
  expect(statuses(lines, 'fail')).toEqual(['schedulers.VP.alpha']);
  expect(statuses(lines, 'unsupported')).toEqual([
    'schedulers.VP.curvature',
    'schedulers.Elliptic',
    'schedulers.Polynomial_n2',
    'geodesic',
  ]);
});

test('couplings: a wrong plan fails, what is not known is unsupported', async () => {
  const plan = [
    [0.5, 0],
    [0, 0.5],
  ];
  const plans = {
    exact: { kw: {}, plan: [0, 0.5, 0.5, 0] },
    sinkhorn_warm: { kw: { warm: 1 }, plan },
    greedy: { kw: {}, plan },
  };
  const matchers = { Unknown: { sigma: 0, x_t: [0] } };
  const points = { x0: [[0], [1]], x1: [[0], [1]] };
  const content = { ...points, eps: [[0], [0]], t: [0.5, 0.5], matchers, ot: { ...points, plans, duality_gap: 0 } };
  const lines = await linesOf(checkCouplings, content);
  expect(statuses(lines, 'fail')).toEqual(['ot.plans.exact.plan']);
  expect(statuses(lines, 'unsupported')).toEqual([
    'matchers.Unknown.x_t',
    'ot.duality_gap',
    'ot.plans.sinkhorn_warm.plan',
    'ot.plans.greedy.plan',
  ]);
});
