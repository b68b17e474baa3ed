import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { bootBackend } from '@latte-flow/runtime';
import { memory } from '@tensorflow/tfjs-core';
import { afterAll, beforeAll, describe, expect } from 'vitest';

import { writeTinyTraining, type TinyTraining } from '../../../../test/models/tiny-training.ts';
import { webgpuTest } from '../../../../tooling/test/webgpu.ts';
import { autoencoderModel } from './autoencoder-model.ts';
import { openBatchPool } from './batch-pool.ts';
import { flowModel } from './flow-model.ts';
import type { LearnedModel } from './learned-model.ts';
import { trainerOf } from './train.ts';
import { parseTrainingConfig, type TrainingConfig } from './training-config.ts';

let root: string;
let tiny: TinyTraining;
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'latte-captured-'));
  tiny = await writeTinyTraining(root);
});
afterAll(() => rm(root, { recursive: true }));

/** Losses, gradient norms and weights of some steps. */
async function trained(
  config: TrainingConfig,
  { learned, isCaptured, steps }: { learned: LearnedModel<unknown>; isCaptured: boolean; steps: number },
) {
  using model = learned;
  await using pool = await openBatchPool(config);
  using trainer = trainerOf({ ...model, isCaptured, parameters: model.parameters }, pool, config);
  const records: number[][] = [];
  await trainer.run({
    steps,
    logEvery: 1,
    onLog: ({ loss, gradientNorm }) => records.push([loss, gradientNorm]),
  });
  return { records, weights: await model.parameters.download() };
}

describe.each([
  // Prompts of several lengths in both groups, each form seen before, recorded and replayed.
  ['flow', flowModel, 20],
  ['autoencoder', autoencoderModel, 3],
] as const)('%s', (task, open, steps) => {
  webgpuTest('a captured run makes the steps of a plain one, bit by bit', async () => {
    await bootBackend({ device: 'webgpu' });
    const before = memory().numTensors;
    const config = parseTrainingConfig(tiny.configs[task], join(root, 'train.json'));
    const run = async (isCaptured: boolean) =>
      trained(config, { learned: (await open(config)) as unknown as LearnedModel<unknown>, isCaptured, steps });
    const plain = await run(false);
    const captured = await run(true);
    expect(new Set(plain.records.map(([loss]) => loss)).size).toBe(steps);
    expect(captured).toEqual(plain);
    expect(memory().numTensors).toBe(before);
  });
});
