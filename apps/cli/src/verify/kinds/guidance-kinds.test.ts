import { readFile } from 'node:fs/promises';

import { expect, test } from 'vitest';

import type { Json } from '../discover.ts';
import { FixtureReport, type CheckLine } from '../report.ts';
import { checkGuidance } from './guidance.ts';
import type { FixtureCheck } from './index.ts';
import { checkTimeDensities } from './time-densities.ts';

const fixtures = new URL('../../../../../test/fixtures/schedulers/', import.meta.url);
const read = async (name: string): Promise<Json> => JSON.parse(await readFile(new URL(name, fixtures), 'utf8'));

async function linesOf(check: FixtureCheck, content: Json): Promise<CheckLine[]> {
  const lines: CheckLine[] = [];
  const report = new FixtureReport({
    fixture: 'test',
    kind: 'test',
    device: 'cpu',
    onLine: (line) => lines.push(line),
  });
  await check({ path: 'test', kind: 'test', content }, report);
  return lines;
}

const statuses = (lines: readonly CheckLine[], status: CheckLine['status']) =>
  lines.filter((line) => line.status === status).map(({ quantity }) => quantity);

test.each<[string, FixtureCheck, number]>([
  ['guidance.json', checkGuidance, 30],
  ['training_density.json', checkTimeDensities, 43],
])('every quantity of %s passes, and none is left out', async (name, check, count) => {
  const lines = await linesOf(check, await read(name));
  expect(lines.filter(({ status }) => status !== 'pass')).toEqual([]);
  expect(lines).toHaveLength(count);
});

test('guidance: other parameters are read, a wrong figure fails, what is not known is unsupported', async () => {
  const content = {
    shape: [1, 2],
    pred_cond: [[3, 4]],
    pred_uncond: [[1, 0]],
    pred_cond_skip: [[3, 3]],
    pred_audio: [[1, 1]],
    tolerance: 1e-12,
    cases: [
      { name: 'cfg', guidance_scale: 2, out: [[5, 8]] },
      { name: 'cfg', guidance_scale: 2, use_original_formulation: true, out: [[7, 12]] },
      { name: 'cfg', guidance_scale: 2.0001, out: [[5, 8]] },
      { name: 'cfg', guidance_scale: 2, blur: 3, out: [[5, 8]] },
      { name: 'slg_only', skip_scale: 3, out: [[3, 6]] },
      { name: 'magic', out: [[5, 8]] },
      { name: 'cfg', out: [[5, 8]] },
    ],
    interval: {
      rule: 'in words',
      cases: [
        { start: 0.5, stop: 1, N: 4, enabled: [false, false, true, true] },
        { start: 0, stop: 1, N: 2, guidance_scale: 1, enabled: [false, false] },
        { start: 0, stop: 1, N: 2, enabled: [true, false] },
      ],
      strict: [{ start: 0, stop: 1, N: 3, enabled: [false, true, true] }],
    },
  };
  const lines = await linesOf(checkGuidance, content);
  expect(statuses(lines, 'pass')).toEqual([
    'cases.0.cfg.out',
    'cases.1.cfg.out',
    'cases.4.slg_only.out',
    'interval.0.enabled',
    'interval.1.enabled',
    'interval.strict.0.enabled',
  ]);
  expect(statuses(lines, 'fail')).toEqual(['cases.2.cfg.out', 'cases.6.cfg', 'interval.2.enabled']);
  expect(statuses(lines, 'unsupported')).toEqual(['cases.3.cfg', 'cases.5.magic', 'pred_audio']);
});

test('time densities: other parameters are read, a wrong figure fails, what is not known is unsupported', async () => {
  const content = {
    uniform_draws: [0.25, 0.5],
    normal_draws: [0],
    diffusers: {
      mode: [{ mode_scale: 2, draw: 'uniform', u: [0.5428932188134524, 0.5], monotone: true }],
      index_map: {
        rule: 'index=int(u*8)',
        u: [0.26, 0.5],
        index: [2, 4],
        sigma_shift3: [0.9, 0.75],
        sigma_offset: [0],
      },
    },
    formula: {
      beta: [
        { a: 1, b: 1, t: [0.25, 0.5] },
        { a: 1, b: 1, c: 2, t: [0.25, 0.5] },
      ],
      edm_skewed: { formula: 'P_mean=0,P_std=1; sigma=exp(P_mean+P_std*z); t=1/(1+sigma); clip(0.75,1)', t: [0.75] },
      pi0_beta: { formula: 'otherwise', t: [0.25] },
      cauchy: { t: [0.5] },
    },
    weights: { sigmas: [0.5], sigma_sqrt: { w: [4] }, cosmap: { w: [1] }, snr: { w: [1] } },
    histogram: [],
  };
  const lines = await linesOf(checkTimeDensities, content);
  expect(statuses(lines, 'fail')).toEqual(['diffusers.mode.0.monotone', 'formula.pi0_beta', 'weights.cosmap']);
  expect(statuses(lines, 'unsupported')).toEqual([
    'diffusers.index_map.sigma_offset',
    'formula.beta.1',
    'formula.cauchy',
    'weights.snr',
    'histogram',
  ]);
  expect(statuses(lines, 'pass')).toHaveLength(6);
});
