import { cp, mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { parseSafetensors } from '@latte-flow/checkpoint';
import { generateImages, LatteFlow } from '@latte-flow/model';
import { bootBackend } from '@latte-flow/runtime';
import type { TrainingRecord } from '@latte-flow/trainer';
import { VisionLanguageModel } from '@latte-flow/vlm';
import { memory } from '@tensorflow/tfjs-core';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';

import { writeTinyTraining, type TinyTraining } from '../../../../test/models/tiny-training.ts';
import { train } from './train.ts';
import { parseTrainingConfig, type TrainingConfig } from './training-config.ts';

let root: string;
let tiny: TinyTraining;
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'latte-train-'));
  tiny = await writeTinyTraining(root);
  await bootBackend({ device: 'wasm' });
});
afterAll(() => rm(root, { recursive: true }));

let tensors: number;
beforeEach(() => {
  tensors = memory().numTensors;
});

function configOf(task: TrainingConfig['task'], change: Record<string, unknown> = {}): TrainingConfig {
  return parseTrainingConfig({ ...tiny.configs[task], ...change }, join(root, 'train.json'));
}

async function lossesOf(log: string): Promise<number[]> {
  const lines = (await readFile(log, 'utf8')).trimEnd().split('\n');
  const records = lines.map((line) => JSON.parse(line) as TrainingRecord);
  expect(records.map(({ step }) => step)).toEqual(records.map((_, i) => i + 1));
  return records.map(({ loss }) => loss);
}

describe.each<TrainingConfig['task']>(['captioning', 'flow', 'autoencoder'])('%s', (task) => {
  test('six steps of finite loss leave a checkpoint, a log, a state and no tensors', async () => {
    const steps: unknown[] = [];
    const result = await train(configOf(task), { onProgress: ({ step, steps: all }) => steps.push([step, all]) });
    expect(memory().numTensors).toBe(tensors);
    const losses = await lossesOf(result.log);
    expect(losses).toHaveLength(6);
    expect(losses.every(Number.isFinite)).toBe(true);
    expect(result).toMatchObject({ steps: 6, loss: losses[5], checkpoint: join(root, task, 'checkpoint') });
    expect(steps).toEqual([1, 2, 3, 4, 5, 6].map((step) => [step, 6]));
    expect((await readdir(join(root, task))).sort()).toEqual(['checkpoint', 'log.jsonl', 'state']);
  });

  test('with dtype float16 it makes the losses of float32 where the device has no matrix units', async () => {
    const [whole, half] = ['float32', 'float16'].map((dtype) =>
      configOf(task, { dtype, steps: 3, output: `${task}-${dtype}` }),
    );
    const expected = await lossesOf((await train(whole!)).log);
    const losses = await lossesOf((await train(half!)).log);
    losses.forEach((loss, i) => expect(Math.abs(loss - expected[i]!)).toBeLessThan(1e-5));
    expect(losses).toHaveLength(3);
  });

  test('stopped by an abort and resumed, it makes the losses of a run that never stopped', async () => {
    const straight = await lossesOf((await train(configOf(task, { output: `${task}-straight` }))).log);
    const config = configOf(task, { output: `${task}-stopped` });
    const controller = new AbortController();
    const saved: number[] = [];
    const stop = train(config, {
      signal: controller.signal,
      onSave: (step) => saved.push(step),
      onProgress: ({ step }) => step === 4 && controller.abort(),
    });
    await expect(stop).rejects.toMatchObject({ name: 'AbortError' });
    expect(saved).toEqual([3, 4]);
    const { log, steps } = await train(config, { resume: true });
    expect(steps).toBe(6);
    const resumed = await lossesOf(log);
    expect(resumed).toHaveLength(straight.length);
    resumed.forEach((loss, i) => expect(Math.abs(loss - straight[i]!)).toBeLessThan(1e-5));
    expect(memory().numTensors).toBe(tensors);
  });
});

test('a trained backbone answers, and a stream trained over it draws', async () => {
  const { checkpoint: vlm } = await train(configOf('captioning', { output: 'chain/vlm', steps: 1 }));
  const { checkpoint: stream } = await train(configOf('flow', { output: 'chain/flow', backbone: vlm, steps: 2 }));
  {
    using model = await VisionLanguageModel.fromPretrained(vlm);
    const image = { data: new Uint8Array(64 * 64 * 3), width: 64, height: 64 };
    const messages = [{ role: 'user', content: [{ type: 'image' }, { type: 'text', text: 'What?' }] }] as const;
    const ids = await model.generateIds(model.prepare([{ messages, images: [image] }]), { maxNewTokens: 2 });
    expect(ids[0]!.length).toBeGreaterThan(0);
  }
  await cp(vlm, join(stream, 'vlm'), { recursive: true });
  {
    using model = await LatteFlow.fromPretrained(stream);
    const { images } = await generateImages(model, 'a red square', { steps: 2, guidanceScale: 1 });
    expect(images[0]).toMatchObject({ width: 64, height: 64 });
  }
  expect(memory().numTensors).toBe(tensors);
});

test('groups trained from a checkpoint leave everything else as it was', async () => {
  const { checkpoint } = await train(configOf('flow', { output: 'experts/first', steps: 2 }));
  const change = { output: 'experts/second', initial: 'experts/first/checkpoint', groups: [1], steps: 2 };
  const second = await train(configOf('flow', change));
  const read = async (folder: string) => parseSafetensors(await readFile(join(folder, 'model.safetensors'))).tensors;
  const [before, after] = [await read(checkpoint), await read(second.checkpoint)];
  const changed = [...before].filter(([name, { bytes }]) => !Buffer.from(bytes).equals(after.get(name)!.bytes));
  expect(changed.length).toBeGreaterThan(0);
  expect(changed.every(([name]) => /^layers\.[23]\./.test(name))).toBe(true);
  expect([...after.keys()].sort()).toEqual([...before.keys()].sort());
  const refused = train(configOf('flow', { ...change, groups: [2], output: 'refused' }));
  await expect(refused).rejects.toThrow('expected groups to be an integer in [0, 1], got 2');
  expect(memory().numTensors).toBe(tensors);
});

test('a run that was killed between its last state and its checkpoint is finished by resuming', async () => {
  const config = configOf('flow', { output: 'unfinished', steps: 2 });
  const { checkpoint, log } = await train(config);
  const before = await readFile(join(checkpoint, 'model.safetensors'));
  const records = await lossesOf(log);
  await rm(checkpoint, { recursive: true });
  expect(await train(config, { resume: true })).toMatchObject({ steps: 2, loss: undefined });
  expect(await readFile(join(checkpoint, 'model.safetensors'))).toEqual(before);
  expect(await lossesOf(log)).toEqual(records);
});

test('a new run does not leave the state of the one before to be resumed', async () => {
  const config = configOf('flow', { output: 'anew', steps: 1 });
  await train(config);
  const failing = { ...config, betas: [2, 2] as const };
  await expect(train(failing)).rejects.toMatchObject({ code: 'invalid-argument' });
  expect(await train(config, { resume: true })).toMatchObject({ steps: 1 });
  const onProgress = () => {
    throw new Error('power cut');
  };
  await expect(train(config, { onProgress })).rejects.toThrow('power cut');
  await expect(train(config, { resume: true })).rejects.toMatchObject({ code: 'file-not-found' });
});

test.each([
  ['captioning', { backbone: 'nowhere' }, 'file-not-found'],
  ['flow', { backbone: 'nowhere' }, 'file-not-found'],
  ['captioning', { model: { model_type: 'qwen2_vl' } }, 'checkpoint-invalid'],
  ['flow', { model: { hidden_size: 32 } }, 'invalid-argument'],
  ['flow', { clip_norm: 0 }, 'invalid-argument'],
  ['flow', { scenes: { plain: 0.9, pair: 0.2 } }, 'invalid-argument'],
] as const)('%s: refuses %j without a tensor or a file left', async (task, change, code) => {
  const config = configOf(task, { ...change, output: 'refused' });
  await expect(train(config)).rejects.toMatchObject({ code });
  expect(memory().numTensors).toBe(tensors);
  expect(await readdir(root)).not.toContain('refused');
});

test('a stream that does not fit its backbone is refused without a tensor left', async () => {
  const model = { ...(tiny.configs.flow['model'] as object), num_layers: 2 };
  await expect(train(configOf('flow', { model }))).rejects.toMatchObject({ code: 'checkpoint-mismatch' });
  const wide = { ...(tiny.configs.flow['model'] as object), hidden_size: 64, head_dim: 16 };
  await expect(train(configOf('flow', { model: wide }))).rejects.toMatchObject({ code: 'checkpoint-mismatch' });
  expect(memory().numTensors).toBe(tensors);
});
