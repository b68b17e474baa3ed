import { bootBackend, ParameterStore, type DeviceOption, type ParameterValues } from '@latte-flow/runtime';
import { normalNoise } from '@latte-flow/core';
import {
  add,
  div,
  matMul,
  mean,
  memory,
  mul,
  square,
  sub,
  sum,
  tensor2d,
  tidy,
  variable,
  tensor1d,
  type Scalar,
  type Tensor2D,
} from '@tensorflow/tfjs-core';
import { afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';

import { webgpuMissing } from '../../../tooling/test/webgpu.ts';
import { cosineSchedule } from './learning-rate.ts';
import { Trainer } from './trainer.ts';
import type { TrainerOptions } from './trainer-options.ts';
import { decodeTrainingState, encodeTrainingState } from './training-state.ts';
import type { TrainingRecord } from './loss-reader.ts';

interface Batch {
  readonly x: Tensor2D;
  readonly y: Tensor2D;
}

const SHAPES: readonly (readonly [string, number[]])[] = [
  ['first.weight', [3, 4]],
  ['first.bias', [4]],
  ['second.weight', [4, 2]],
  ['unused.weight', [5]],
];

/** Deterministic small numbers for initial weights and batches. */
const noise = (length: number, image: number) => normalNoise(length, { seed: 5, image }).map((value) => value * 0.5);

function makeParameters(): ParameterStore {
  const entries = SHAPES.map(([name, shape], i): [string, ParameterValues] => {
    const size = shape.reduce((a, b) => a * b, 1);
    return [name, { shape, values: noise(size, i) }];
  });
  return ParameterStore.upload(entries, { where: 'test', trainable: true });
}

const makeBatch = (index: number): Batch => ({
  x: tensor2d(noise(15, 100 + index), [5, 3]),
  y: tensor2d(noise(10, 5000 + index), [5, 2]),
});

const blockOf = (name: string) => name.split('.')[0]!;

/** A two-layer network; odd batches leave the first layer out, so that its block has no gradient there. */
function lossOf(parameters: ParameterStore) {
  return ({ x, y }: Batch, index: number): Scalar => {
    const hidden = add(matMul(x, parameters.get<Tensor2D>('first.weight')), parameters.get('first.bias'));
    const frozen = tensor2d(noise(20, 9000), [5, 4]);
    const out = matMul(
      square(index % 2 === 0 ? hidden : frozen) as Tensor2D,
      parameters.get<Tensor2D>('second.weight'),
    );
    return mean(square(sub(out, y)));
  };
}

function makeTrainer(parameters: ParameterStore, options: Partial<TrainerOptions<Batch>> = {}): Trainer<Batch> {
  return new Trainer<Batch>({
    parameters,
    loss: lossOf(parameters),
    batch: makeBatch,
    block: blockOf,
    learningRate: cosineSchedule({ learningRate: 0.05, warmupSteps: 3, steps: 30 }),
    optimizer: { weightDecay: 0.1 },
    ema: { decay: 0.9 },
    clipNorm: 0.5,
    ...options,
  });
}

const closeTo = (actual: ArrayLike<number>, expected: ArrayLike<number>, tolerance: number) => {
  expect(actual.length).toBe(expected.length);
  for (let i = 0; i < expected.length; i++) expect(Math.abs(actual[i]! - expected[i]!)).toBeLessThanOrEqual(tolerance);
};

const devices: readonly { device: DeviceOption; name: string; suite: typeof describe | typeof describe.skip }[] = [
  { device: 'cpu', name: 'cpu', suite: describe },
  { device: 'wasm', name: 'wasm', suite: describe },
  webgpuMissing === undefined
    ? { device: 'webgpu', name: 'webgpu', suite: describe }
    : { device: 'webgpu', name: `webgpu [skipped: ${webgpuMissing}]`, suite: describe.skip },
];

let tensorsBefore = 0;
beforeEach(() => {
  tensorsBefore = memory().numTensors;
});
afterEach(() => expect(memory().numTensors).toBe(tensorsBefore));

for (const { device, name, suite } of devices)
  suite(name, () => {
    beforeAll(async () => {
      await bootBackend({ device });
    });

    describe('exact resume', () => {
      test('5 steps, saved and loaded, then 5 more give what 10 give', async () => {
        const records: TrainingRecord[] = [];
        const onLog = (record: TrainingRecord) => records.push(record);
        using straightParameters = makeParameters();
        using straight = makeTrainer(straightParameters);
        await straight.run({ steps: 10, logEvery: 1, onLog });
        const curve = records.splice(0).map(({ loss }) => loss);

        using firstParameters = makeParameters();
        using first = makeTrainer(firstParameters);
        await first.run({ steps: 5, logEvery: 1, onLog });
        const file = encodeTrainingState(await first.state());

        // A fresh process would start with other weights: restoring must overwrite them all.
        using secondParameters = makeParameters();
        for (const value of secondParameters.variables().values()) tidy(() => value.assign(mul(value, 3)));
        using second = makeTrainer(secondParameters);
        await second.restore(decodeTrainingState(file));
        expect(second.step).toBe(5);
        await second.run({ steps: 5, logEvery: 1, onLog });

        expect(records.map(({ step }) => step)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
        expect(records.map(({ loss }) => loss)).toEqual(curve);
        const [expected, actual] = [await straight.state(), await second.state()];
        expect(actual.tensors).toEqual(expected.tensors);
        expect(actual.blockSteps).toEqual({ first: 5, second: 10, unused: 0 });
        expect(await second.emaParameters()).toEqual(await straight.emaParameters());
        expect(await secondParameters.download()).toEqual(await straightParameters.download());
      });

      test('refuses a state of other parameters, shapes, blocks or EMA, before it changes anything', async () => {
        using parameters = makeParameters();
        using trainer = makeTrainer(parameters);
        const state = await trainer.state();
        const without = new Map(state.tensors);
        without.delete('weights.first.bias');
        const misshapen = new Map(state.tensors).set('weights.first.bias', {
          shape: [2, 2],
          values: new Float32Array(4),
        });
        const extra = new Map(state.tensors).set('weights.third', { shape: [1], values: new Float32Array(1) });
        const before = await parameters.download();
        await expect(trainer.restore({ ...state, tensors: without })).rejects.toThrow(
          'a state with weights.first.bias',
        );
        await expect(trainer.restore({ ...state, tensors: misshapen })).rejects.toThrow(
          'weights.first.bias of shape [4], got [2, 2]',
        );
        await expect(trainer.restore({ ...state, tensors: extra })).rejects.toThrow('also weights.third');
        await expect(trainer.restore({ ...state, blockSteps: { all: 3 } })).rejects.toThrow(
          'of the blocks first, second, unused, got all',
        );
        using plain = makeTrainer(parameters, { ema: undefined });
        await expect(plain.restore(state)).rejects.toMatchObject({ code: 'checkpoint-mismatch' });
        expect(await parameters.download()).toEqual(before);
      });

      test('refuses a file that is no training state', () => {
        const file = encodeTrainingState({ step: 1, seconds: 0, blockSteps: {}, tensors: new Map() });
        const other = new TextDecoder().decode(file).replace('training state 1', 'training state 9');
        expect(() => decodeTrainingState(new TextEncoder().encode(other))).toThrow(
          'decodeTrainingState: expected the metadata',
        );
        expect(() => decodeTrainingState(file.subarray(0, 20))).toThrow(
          expect.objectContaining({ code: 'checkpoint-invalid' }),
        );
      });
    });

    describe('a step', () => {
      test('leaves parameters without a gradient alone: no decay, no moments, no count', async () => {
        using parameters = makeParameters();
        using trainer = makeTrainer(parameters);
        await trainer.run({ steps: 4 });
        const state = await trainer.state();
        expect(state.tensors.get('weights.unused.weight')!.values).toEqual(noise(5, 3));
        expect(state.tensors.get('first_moment.unused.weight')!.values).toEqual(new Float32Array(5));
        expect(state.blockSteps).toEqual({ first: 2, second: 4, unused: 0 });
      });

      test('averages micro-batches: two of them are one step on their mean loss', async () => {
        using parameters = makeParameters();
        using micro = makeTrainer(parameters, { microBatches: 2 });
        const microRecords: TrainingRecord[] = [];
        await micro.run({ steps: 3, logEvery: 1, onLog: (record) => microRecords.push(record) });

        using sameParameters = makeParameters();
        const loss = lossOf(sameParameters);
        using joint = new Trainer<[Batch, Batch]>({
          parameters: sameParameters,
          batch: (index) => [makeBatch(2 * index), makeBatch(2 * index + 1)],
          loss: ([a, b], index) => div(add(loss(a, 2 * index), loss(b, 2 * index + 1)), 2) as Scalar,
          block: blockOf,
          learningRate: cosineSchedule({ learningRate: 0.05, warmupSteps: 3, steps: 30 }),
          optimizer: { weightDecay: 0.1 },
          ema: { decay: 0.9 },
          clipNorm: 0.5,
        });
        const records: TrainingRecord[] = [];
        await joint.run({ steps: 3, logEvery: 1, onLog: (record) => records.push(record) });
        closeTo(
          microRecords.map((r) => r.loss),
          records.map((r) => r.loss),
          1e-6,
        );
        closeTo(
          microRecords.map((r) => r.gradientNorm),
          records.map((r) => r.gradientNorm),
          1e-5,
        );
        const [expected, actual] = [await sameParameters.download(), await parameters.download()];
        for (const [name, { values }] of expected) closeTo(actual.get(name)!.values, values, 1e-5);
      });

      test('a loss scale of a power of two changes nothing', async () => {
        const states = [];
        for (const lossScale of [1, 4096]) {
          using parameters = makeParameters();
          using trainer = makeTrainer(parameters, { lossScale });
          const records: TrainingRecord[] = [];
          await trainer.run({ steps: 3, logEvery: 1, onLog: (record) => records.push(record) });
          const { tensors } = await trainer.state();
          states.push({ tensors, records: records.map((record) => ({ ...record, seconds: 0 })) });
        }
        expect(states[1]).toEqual(states[0]);
      });

      test('refuses a block of which only some parameters get gradients', async () => {
        using parameters = makeParameters();
        using trainer = makeTrainer(parameters, { block: () => 'all' });
        await expect(trainer.run({ steps: 1 })).rejects.toThrow(
          'expected all parameters of block "all" to get gradients together, got one for first.weight and none for unused.weight',
        );
        expect(trainer.step).toBe(0);
      });

      test('refuses a loss that is no scalar', async () => {
        using parameters = makeParameters();
        using trainer = makeTrainer(parameters, { loss: ({ y }) => y as unknown as Scalar });
        await expect(trainer.run({ steps: 1 })).rejects.toMatchObject({ code: 'shape-mismatch' });
      });
    });

    describe('EMA', () => {
      test('follows a <- a + (1 - decay) (w - a)', async () => {
        using parameters = makeParameters();
        using trainer = makeTrainer(parameters, { ema: { decay: (step) => (step === 0 ? 0.5 : 0.9) } });
        let expected = [...noise(8, 2)];
        for (const decay of [0.5, 0.9, 0.9, 0.9]) {
          await trainer.run({ steps: 1 });
          const { values } = (await parameters.download()).get('second.weight')!;
          expected = expected.map((average, i) => average + (1 - decay) * (values[i]! - average));
        }
        closeTo((await trainer.emaParameters()).get('second.weight')!.values, expected, 1e-6);
        expect((await trainer.emaParameters()).get('first.weight')!.shape).toEqual([3, 4]);
      });

      test('is refused where it was not asked for', async () => {
        using parameters = makeParameters();
        using trainer = makeTrainer(parameters, { ema: undefined });
        await expect(trainer.emaParameters()).rejects.toThrow(
          'Trainer.emaParameters: expected a trainer with an average',
        );
      });
    });

    describe('a run', () => {
      test('logs every few steps and the last one, and reports every step', async () => {
        using parameters = makeParameters();
        using trainer = makeTrainer(parameters);
        const records: TrainingRecord[] = [];
        const steps: unknown[] = [];
        await trainer.run({
          steps: 7,
          logEvery: 3,
          onLog: (r) => records.push(r),
          onProgress: ({ step, steps: all }) => steps.push([step, all]),
        });
        expect(records.map(({ step }) => step)).toEqual([3, 6, 7]);
        expect(steps).toEqual([1, 2, 3, 4, 5, 6, 7].map((step) => [step, 7]));
        expect(records[0]!.learningRate).toBeCloseTo(0.05, 12);
        expect(records.every(({ gradientNorm, seconds }) => gradientNorm > 0 && seconds > 0)).toBe(true);
        // The mean is over the steps since the record before, here step 7 alone.
        expect(records[2]!.meanLoss).toBe(records[2]!.loss);
        expect(records[1]!.meanLoss).not.toBe(records[1]!.loss);
      });

      test('stops at a loss that is not finite, names the step, and refuses to save the damage', async () => {
        using parameters = makeParameters();
        const loss = lossOf(parameters);
        using trainer = makeTrainer(parameters, {
          clipNorm: undefined,
          loss: (batch, index) => (index === 4 ? (mul(loss(batch, index), Number.NaN) as Scalar) : loss(batch, index)),
        });
        await expect(trainer.run({ steps: 50, logEvery: 3 })).rejects.toThrow(
          'Trainer.run: expected a finite loss, got NaN at step 5',
        );
        await expect(trainer.state()).rejects.toMatchObject({ code: 'training-diverged' });
      });

      test('an abort stops between steps, after the records, and the run can go on', async () => {
        using parameters = makeParameters();
        using trainer = makeTrainer(parameters);
        const controller = new AbortController();
        const reason = new Error('enough');
        const records: TrainingRecord[] = [];
        const run = trainer.run({
          steps: 100,
          logEvery: 1,
          signal: controller.signal,
          onLog: (record) => records.push(record),
          onProgress: ({ step }) => {
            if (step === 3) controller.abort(reason);
          },
        });
        await expect(run).rejects.toBe(reason);
        expect(records.map(({ step }) => step)).toEqual([1, 2, 3]);
        expect(trainer.step).toBe(3);
        await trainer.run({ steps: 1 });
        expect(trainer.step).toBe(4);
      });

      test('a timer can abort it: the run gives other tasks a turn', async () => {
        using parameters = makeParameters();
        using trainer = makeTrainer(parameters);
        const signal = AbortSignal.timeout(150);
        const error: unknown = await trainer.run({ steps: 1e6, signal }).catch((caught: unknown) => caught);
        expect(error).toBe(signal.reason);
        expect(error).toMatchObject({ name: 'TimeoutError' });
      });

      test('passes on what batch throws, also from a prefetch, and disposes of every batch', async () => {
        using parameters = makeParameters();
        using trainer = makeTrainer(parameters, {
          batch: async (index) => {
            if (index === 2) throw new Error('no such file');
            return makeBatch(index);
          },
        });
        await expect(trainer.run({ steps: 5 })).rejects.toThrow('no such file');
        expect(trainer.step).toBe(2);
        const failing = makeTrainer(parameters, {
          loss: () => {
            throw new Error('bad loss');
          },
        });
        await expect(failing.run({ steps: 5 })).rejects.toThrow('bad loss');
        failing.dispose();
      });

      test('is one at a time, and none after dispose', async () => {
        using parameters = makeParameters();
        const trainer = makeTrainer(parameters);
        const run = trainer.run({ steps: 2 });
        await expect(trainer.state()).rejects.toThrow('expected a trainer at rest');
        await run;
        trainer.dispose();
        trainer.dispose();
        await expect(trainer.run({ steps: 1 })).rejects.toMatchObject({ code: 'disposed' });
      });

      test.each([
        [{ steps: -1 }, 'steps to be an integer >= 0'],
        [{ steps: 1, logEvery: 0 }, 'logEvery to be an integer >= 1'],
      ])('refuses %j', async (options, message) => {
        using parameters = makeParameters();
        using trainer = makeTrainer(parameters);
        await expect(trainer.run(options)).rejects.toThrow(message);
      });
    });

    test('trains variables that come as a Map, and needs at least one', async () => {
      const weight = tidy(() => variable(tensor1d([4])));
      using trainer = new Trainer<undefined>({
        parameters: new Map([['weight', weight]]),
        batch: () => undefined,
        loss: () => sum(square(weight)) as Scalar,
        learningRate: 0.5,
      });
      await trainer.run({ steps: 60 });
      expect(Math.abs((await weight.data())[0]!)).toBeLessThan(0.2);
      expect(
        () =>
          new Trainer({ parameters: new Map(), batch: () => [], loss: () => sum(weight) as Scalar, learningRate: 1 }),
      ).toThrow('expected at least one trainable parameter');
      weight.dispose();
    });
  });
