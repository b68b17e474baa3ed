import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { writeTinyTraining, type TinyTraining } from '../../../../test/models/tiny-training.ts';
import { run } from '../program.ts';
import { trainingConfigKeys } from '../train/training-config.ts';

const entry = fileURLToPath(new URL('../index.ts', import.meta.url));
const STEPS = 40;

let root: string;
let tiny: TinyTraining;
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'latte-train-command-'));
  tiny = await writeTinyTraining(root);
});
afterAll(() => rm(root, { recursive: true }));

function configFile(output: string, change: object = {}): Promise<string> {
  return tiny.write(output, { ...tiny.configs.flow, output, steps: STEPS, save_every: 5, workers: 1, ...change });
}

/** `latte` as a process of its own. */
function start(...args: readonly string[]) {
  const child = spawn(process.execPath, ['--conditions=@latte-flow/source', entry, 'train', ...args]);
  const written = { stdout: '', stderr: '' };
  for (const name of ['stdout', 'stderr'] as const) child[name].on('data', (text) => (written[name] += text));
  return { child, written, end: once(child, 'close') };
}

const onWasm = (file: string, ...flags: readonly string[]) => start(file, '--device', 'wasm', ...flags);

/** Log records as they stand now, without the time that they took. */
async function recordsOf(output: string): Promise<Record<string, number>[]> {
  const text = await readFile(join(root, output, 'log.jsonl'), 'utf8').catch(() => '');
  const lines = text.split('\n').slice(0, -1);
  return lines.map((line) => {
    const { seconds: _, ...record } = JSON.parse(line) as Record<string, number>;
    return record;
  });
}

function expectSameCurve(records: readonly Record<string, number>[], expected: readonly Record<string, number>[]) {
  expect(records.map(({ step }) => step)).toEqual(Array.from({ length: STEPS }, (_, i) => i + 1));
  expect(expected).toHaveLength(STEPS);
  records.forEach((record, i) => {
    for (const [name, value] of Object.entries(expected[i]!)) {
      expect(Math.abs(record[name]! - value), `${name} of step ${i + 1}`).toBeLessThanOrEqual(1e-5);
    }
  });
}

describe('a run that is stopped', () => {
  let straight: Record<string, number>[];
  beforeAll(async () => {
    const { written, end } = onWasm(await configFile('straight'), '--json');
    expect(await end, written.stderr).toEqual([0, null]);
    straight = await recordsOf('straight');
    expect(written.stderr).toBe('');
    const folder = join(root, 'straight');
    const loss = straight.at(-1)!['loss'];
    expect(JSON.parse(written.stdout)).toEqual({
      config: join(root, 'straight.json'),
      device: 'wasm',
      steps: STEPS,
      loss,
      seconds: expect.any(Number),
      checkpoint: join(folder, 'checkpoint'),
      log: join(folder, 'log.jsonl'),
      warnings: [],
    });
  });

  test.each(['SIGKILL', 'SIGINT'] as const)('by %s goes on with --resume as if nothing had been', async (signal) => {
    const file = await configFile(signal);
    const { child, written, end } = onWasm(file);
    // Between two saves: step 7 is logged and lost, or saved by the interrupt.
    while ((await recordsOf(signal)).length < 7 && child.exitCode === null) await wait(5);
    child.kill(signal);
    expect(await end, written.stderr).toEqual(signal === 'SIGKILL' ? [null, 'SIGKILL'] : [130, null]);
    expect((await recordsOf(signal)).length).toBeLessThan(STEPS);
    if (signal === 'SIGINT') {
      expect(written.stderr).toMatch(/^state of step \d+ saved in .*: --resume goes on\nlatte: interrupted$/m);
    }

    const resumed = onWasm(file, '--resume');
    expect(await resumed.end, resumed.written.stderr).toEqual([0, null]);
    expect(resumed.written.stderr).toMatch(/train: \d+ of 40 steps, loss \d/);
    expectSameCurve(await recordsOf(signal), straight);
  });
});

describe('usage', () => {
  async function latte(...args: readonly string[]) {
    const written = { stdout: '', stderr: '' };
    const stdout = { write: (text: string) => (written.stdout += text) };
    const stderr = { write: (text: string) => (written.stderr += text) };
    return { code: await run(['train', ...args], { stdout, stderr, env: {} }), ...written };
  }

  test('the help documents every key of the config', async () => {
    const { code, stdout } = await latte('--help');
    expect(code).toBe(0);
    for (const key of trainingConfigKeys) expect(stdout).toMatch(new RegExp(`^ .*\\b${key}\\b`, 'm'));
  });

  test.each([
    ['a key that is unknown', { stepz: 1 }, [], 'got stepz'],
    ['a missing corpus', { corpus: 'nowhere' }, [], 'npm run corpus'],
    ['a missing backbone', { backbone: 'nowhere' }, [], 'nowhere'],
    ['a model that does not fit', { model: {} }, [], 'hidden_size'],
    ['a device that is unknown', {}, ['--device', 'tpu'], 'Choose one of auto, webgpu, wasm, cpu'],
    ['nothing to resume', {}, ['--resume'], 'training_state'],
  ])('%s is refused in one line with 2', async (_, change, flags, message) => {
    const file = await configFile('refused', { ...change, workers: 0 });
    const { code, stdout, stderr } = await latte(file, '--device', 'cpu', ...flags);
    expect(stderr).toContain(message);
    expect(stderr.trimEnd().split('\n')).toHaveLength(1);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
  });

  test('a config file that is missing is refused', async () => {
    expect(await latte(join(root, 'none.json'))).toMatchObject({ code: 2, stdout: '' });
    expect(await latte()).toMatchObject({ code: 2, stdout: '' });
  });
});
