import { normalNoise } from '@latte-flow/core';
import { linear, meanSquaredError, rmsNorm } from '@latte-flow/ops';
import { bootBackend, ParameterStore, type ParameterValues } from '@latte-flow/runtime';
import { add, concat, memory, mul, slice, tensor, type Scalar, type Tensor } from '@tensorflow/tfjs-core';
import { describe, expect, test } from 'vitest';

import { webgpuTest } from '../../../tooling/test/webgpu.ts';
import { Trainer } from './trainer.ts';
import type { TrainingRecord } from './loss-reader.ts';
import type { TrainerOptions } from './trainer-options.ts';

/** Batches take turns between two branches, and have one of three numbers of rows. */
interface Batch {
  readonly inputs: { readonly x: Tensor; readonly y: Tensor };
  readonly branch: number;
  readonly note?: string;
}

const noise = (shape: number[], image: number): ParameterValues => {
  const size = shape.reduce((a, b) => a * b, 1);
  return { shape, values: normalNoise(size, { seed: 3, image }) };
};
const upload = ({ shape, values }: ParameterValues): Tensor => tensor(values, [...shape]);

const shapes: readonly (readonly [string, number[]])[] = [
  ['norm', [8]],
  ['branch 0', [4, 8]],
  ['branch 1', [4, 8]],
  ['bias', [4]],
];
const makeParameters = (): ParameterStore =>
  ParameterStore.upload(
    shapes.map(([name, shape], i) => [name, noise(shape, i)] as const),
    { where: 'test', trainable: true },
  );

function batchOf(index: number): Batch {
  const rows = 3 + (index % 3);
  const [x, y] = [noise([rows, 8], 100 + index), noise([rows, 4], 900 + index)];
  return { inputs: { x: upload(x), y: upload(y) }, branch: index % 2 };
}

function makeTrainer(parameters: ParameterStore, options: Partial<TrainerOptions<Batch>> = {}): Trainer<Batch> {
  return new Trainer<Batch>({
    parameters,
    batch: batchOf,
    block: (name) => (name.startsWith('branch') ? name : 'shared'),
    loss({ inputs: { x, y }, branch }) {
      // TensorFlow.js' own ops too, which are told the sizes of each form.
      const doubled = concat([x, mul(x, 0.5)], 0);
      const hidden = rmsNorm(slice(doubled, [0, 0], x.shape as [number, number]), parameters.get('norm'), 1e-6);
      const out = linear(hidden, parameters.get(`branch ${branch}`), parameters.get('bias'));
      return meanSquaredError(out, y);
    },
    learningRate: 0.01,
    clipNorm: 1,
    ema: { decay: 0.9 },
    microBatches: 2,
    lossScale: 8,
    ...options,
  });
}

async function train(options: Partial<TrainerOptions<Batch>>, steps: readonly number[] = [30]) {
  using parameters = makeParameters();
  using trainer = makeTrainer(parameters, options);
  const records: Omit<TrainingRecord, 'seconds'>[] = [];
  for (const count of steps) {
    await trainer.run({
      steps: count,
      logEvery: 1,
      onLog: ({ seconds: _seconds, ...record }) => records.push(record),
    });
  }
  return { records, weights: await parameters.download(), average: await trainer.emaParameters() };
}

const refusals: [string, unknown, string][] = [
  ['a list of host numbers', new Float32Array(2), 'an array of the host'],
  ['a map', new Map(), 'Map'],
  ['a function', () => 1, 'captured batch'],
];

function suite(device: 'cpu' | 'wasm' | 'webgpu', define: typeof webgpuTest): void {
  describe(`captured training on ${device}`, () => {
    define('makes the steps of training as it is, bit by bit, over several runs, and leaves nothing', async () => {
      await bootBackend({ device });
      const plain = await train({});
      const before = memory().numTensors;
      expect(await train({ captured: true }, [13, 1, 16])).toEqual(plain);
      expect(memory().numTensors).toBe(before);
      expect(new Set(plain.records.map(({ loss }) => loss)).size).toBe(30);
    });

    define('runs the loss once or twice for each form of batches', async () => {
      await bootBackend({ device });
      let calls = 0;
      using parameters = makeParameters();
      const counted = (batch: Batch): Scalar => {
        calls++;
        return meanSquaredError(mul(batch.inputs.x, parameters.get('norm')), mul(batch.inputs.x, 2));
      };
      using trainer = makeTrainer(parameters, { loss: counted, captured: true, block: (name) => name });
      await trainer.run({ steps: 30 });
      // Three numbers of rows by two branches: the first plainly, the second recorded.
      expect(calls).toBe(device === 'webgpu' ? 12 : 60);
      await trainer.run({ steps: 30 });
      expect(calls).toBe(device === 'webgpu' ? 24 : 120);
    });

    define('forgets forms that were not used for long, and holds no memory after the run', async () => {
      await bootBackend({ device });
      using parameters = makeParameters();
      const forms = 40;
      const batch = (index: number): Batch => ({ ...batchOf(0), note: `form ${Math.floor(index / 3) % forms}` });
      using trainer = makeTrainer(parameters, { batch, captured: true, microBatches: 1 });
      await trainer.run({ steps: 3 * forms }); // until no step needs a buffer that is not there
      const before = memory();
      await trainer.run({ steps: 3 * forms });
      expect(memory()).toEqual(before);
    });

    define('leaves nothing after a loss that throws or is no scalar, or a batch that cannot be captured', async () => {
      await bootBackend({ device });
      using parameters = makeParameters();
      const before = memory().numTensors;
      const bad: Partial<TrainerOptions<Batch>>[] = [
        {
          loss: ({ inputs }, index) => {
            add(inputs.x, 1);
            if (index > 6) throw new Error('no more');
            return meanSquaredError(mul(inputs.x, parameters.get('norm')), inputs.x);
          },
          block: (name) => name,
        },
        { loss: ({ inputs }) => mul(inputs.x, parameters.get('norm')) as Scalar, block: (name) => name },
        ...refusals.map(([, value]) => ({ batch: (index: number) => ({ ...batchOf(index), note: value as string }) })),
      ];
      const messages = ['no more', 'the loss', ...refusals.map(([, , message]) => message)];
      for (const [i, options] of bad.entries()) {
        const trainer = makeTrainer(parameters, { ...options, captured: true });
        await expect(trainer.run({ steps: 30 })).rejects.toThrow(messages[i]);
        trainer.dispose();
        expect(memory().numTensors, messages[i]).toBe(before);
      }
    });
  });
}

suite('cpu', test);
suite('wasm', test);
suite('webgpu', webgpuTest);
