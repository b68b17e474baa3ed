import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { bootBackend } from '@latte-flow/runtime';
import { square, sum, tensor1d, tidy, variable, type Scalar } from '@tensorflow/tfjs-core';
import { afterEach, beforeAll, beforeEach, expect, test } from 'vitest';

import { Trainer } from '../trainer.ts';
import { logToFile, resume, saveTrainingState } from './index.ts';

let folder: string;
beforeAll(async () => {
  await bootBackend({ device: 'cpu' });
});
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'latte-trainer-'));
});
afterEach(() => rm(folder, { recursive: true }));

function makeTrainer() {
  const weight = tidy(() => variable(tensor1d([4, -2])));
  return new Trainer<undefined>({
    parameters: new Map([['weight', weight]]),
    batch: () => undefined,
    loss: () => sum(square(weight)) as Scalar,
    learningRate: 0.1,
  });
}

test('a killed run goes on from its last save with the same curve and one record a step', async () => {
  const straight: number[] = [];
  await makeTrainer().run({ steps: 10, logEvery: 1, onLog: ({ loss }) => straight.push(loss) });

  const state = join(folder, 'run', 'state');
  const log = join(folder, 'run', 'log.jsonl');
  const killed = makeTrainer();
  const onLog = logToFile(log, { step: killed.step });
  await killed.run({ steps: 5, logEvery: 1, onLog });
  await saveTrainingState(state, killed);
  await killed.run({ steps: 2, logEvery: 1, onLog });

  const resumed = makeTrainer();
  await resume(state, resumed);
  await resumed.run({ steps: 5, logEvery: 1, onLog: logToFile(log, { step: resumed.step }) });
  const records = (await readFile(log, 'utf8'))
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line));
  expect(records.map(({ step }) => step)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
  expect(records.map(({ loss }) => loss)).toEqual(straight);
  expect(Object.keys(records[0]).sort()).toEqual([
    'gradient_norm',
    'learning_rate',
    'loss',
    'mean_loss',
    'seconds',
    'step',
  ]);
  expect(await readdir(state)).toEqual(['training_state.safetensors']);
});

test('says what is wrong with the folder', async () => {
  const trainer = makeTrainer();
  await expect(resume(join(folder, 'nowhere'), trainer)).rejects.toMatchObject({ code: 'file-not-found' });
  await expect(resume(folder, trainer)).rejects.toMatchObject({ code: 'file-not-found' });
  await writeFile(join(folder, 'file'), '');
  await expect(saveTrainingState(join(folder, 'file'), trainer)).rejects.toMatchObject({ code: 'file-not-writable' });
  expect(() => logToFile(join(folder, 'file', 'log.jsonl'), { step: 0 })).toThrow(
    expect.objectContaining({ code: 'file-not-writable' }),
  );
});
