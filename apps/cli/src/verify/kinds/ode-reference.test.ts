import { readFile } from 'node:fs/promises';

import { expect, test } from 'vitest';

import type { Json } from '../discover.ts';
import { type CheckLine, FixtureReport } from '../report.ts';
import { checkOdeReference } from './ode-reference.ts';

const file = new URL('../../../../../test/fixtures/schedulers/ode_reference.json', import.meta.url);
const content = JSON.parse(await readFile(file, 'utf8')) as Json & {
  fixed_step: { methods: Record<string, Json> };
  scipy_adaptive: { runs: Record<string, Json> };
  log_likelihood: Record<string, Json>;
};
const kind = 'ode_reference';

async function linesOf(changed: Json): Promise<CheckLine[]> {
  const lines: CheckLine[] = [];
  const report = new FixtureReport({ fixture: 'f', kind, device: 'cpu', onLine: (line) => lines.push(line) });
  await checkOdeReference({ path: 'f', kind, content: changed }, report);
  return lines;
}

const others = (lines: readonly CheckLine[]) =>
  lines.filter(({ status }) => status !== 'pass').map(({ quantity, status }) => `${quantity} ${status}`);

test('every quantity of the reference passes', async () => {
  const lines = await linesOf(content);
  expect(others(lines)).toEqual([]);
  expect(lines.length).toBeGreaterThan(85);
});

test('a number that is off fails, and only that; what is not known is said', async () => {
  const changed = structuredClone(content) as typeof content & Record<string, unknown>;
  const [methods, runs] = [changed.fixed_step.methods, changed.scipy_adaptive.runs];
  methods['rk4_38'] = { ...methods['rk4_classic'], a: methods['rk4_38']!['a'], c: methods['rk4_38']!['c'] };
  methods['tsit5'] = { ...methods['tsit5'], nfe: 61, dense: [1] };
  const [slow, fast] = ['RK23_rtol0.001_atol1e-06', 'RK45_rtol0.001_atol1e-06'];
  runs[slow!] = { ...runs[slow!], nfev: 21 };
  runs[fast!] = { ...runs[fast!], final: runs[slow!]!['final'] };
  runs['Radau_rtol0.1_atol0.1'] = runs[slow!]!;
  const { log_p1: last } = changed.log_likelihood;
  changed.log_likelihood['log_p0'] = last!;
  const found = others(await linesOf({ ...changed, energy: 1 }));
  expect(found).toEqual(
    expect.arrayContaining([
      'fixed_step.rk4_38.trajectory.by_name fail',
      'fixed_step.rk4_38.trajectory.by_tableau fail',
      'fixed_step.tsit5.nfe fail',
      'fixed_step.tsit5.dense unsupported',
      `scipy_adaptive.${slow}.nfev fail`,
      `scipy_adaptive.${fast}.final fail`,
      'scipy_adaptive.Radau_rtol0.1_atol0.1 unsupported',
      'log_likelihood.log_p0 fail',
      'energy unsupported',
    ]),
  );
  expect(found.filter((line) => !line.includes('rk4_38'))).toHaveLength(7);
});

test('reads the parameters of the model, and says if the formula is another', async () => {
  const other = { ...content, model: String(content['model']).replace('1.3', '1.2') };
  expect(others(await linesOf(other))).toContain('reference.x fail');
  expect(others(await linesOf({ ...content, model: 'v = sin(x)' }))).toEqual(['* unsupported']);
});
