import { readFile } from 'node:fs/promises';

import { expect, test } from 'vitest';

import type { Json } from '../discover.ts';
import { type CheckLine, FixtureReport } from '../report.ts';
import { checkTrajectory } from './trajectory.ts';

const kind = 'trajectory';

async function fixture(name: string): Promise<Json> {
  const file = new URL(`../../../../../test/fixtures/schedulers/${name}.json`, import.meta.url);
  return JSON.parse(await readFile(file, 'utf8')) as Json;
}

async function othersOf(content: Json): Promise<string[]> {
  const lines: CheckLine[] = [];
  const report = new FixtureReport({ fixture: 'f', kind, device: 'cpu', onLine: (line) => lines.push(line) });
  await checkTrajectory({ path: 'f', kind, content }, report);
  expect(lines.length).toBeGreaterThan(0);
  return lines.filter(({ status }) => status !== 'pass').map(({ quantity, status }) => `${quantity} ${status}`);
}

const schedules = ['sigmas', 'timesteps', 'model_sigma', 'model_output', 'trajectory'];
const failing = (...quantities: string[]) =>
  ['f64', 'f32'].flatMap((precision) => quantities.map((quantity) => `${quantity}.${precision} fail`));

test.each(['heun_churn_n5', 'scm_trigflow_n2', 'minimax_h3_shift12_n6', 'sasolver_shift3_n8', 'euler_shift3_n10'])(
  '%s passes',
  async (name) => {
    expect(await othersOf(await fixture(name))).toEqual([]);
  },
);

test('another config, another noise and another network fail where they show', async () => {
  const euler = await fixture('euler_shift3_n10');
  expect(await othersOf({ ...euler, compat: {} })).toEqual([...failing(...schedules), 'exact_ode.error fail']);
  const sa = await fixture('sasolver_shift3_n8');
  const { draws } = sa['noise'] as { draws: number[][][] };
  const swapped = { draws: [...draws.slice(0, 4), draws[5], draws[4], ...draws.slice(6)] };
  expect(await othersOf({ ...sa, noise: swapped })).toEqual(failing('model_output', 'trajectory'));
  const map = await fixture('minimax_h3_shift12_n6');
  const { note: _, ...network } = map['model'] as Json;
  expect(await othersOf({ ...map, model: network })).toEqual([
    ...failing('model_output', 'trajectory'),
    'exact_ode.error fail',
  ]);
});

test('what is not known is said', async () => {
  const euler = await fixture('euler_shift3_n10');
  expect(await othersOf({ ...euler, model: { formula: 'v = x' } })).toEqual(['* unsupported']);
  expect(await othersOf({ ...euler, calls: [['set_begin', 1]] })).toEqual(['* unsupported']);
  expect(await othersOf({ ...euler, step_kwargs: { per_token_timesteps: [1] } })).toEqual(['* unsupported']);
  expect(await othersOf({ ...euler, set_timesteps: { num_inference_steps: 10, eta: 1 } })).toEqual(['* unsupported']);
  const { expected } = euler as { expected: { f64: Json; f32: Json } };
  const more = { ...expected, f64: { ...expected.f64, score: [1] } };
  expect(await othersOf({ ...euler, expected: more, energy: 1 })).toEqual([
    'energy unsupported',
    'score.f64 unsupported',
  ]);
});
