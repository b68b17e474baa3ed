/**
 * Tensors and GPU bytes before and after many training steps: both must stay where they were. The first steps warm up:
 * every group and every length of prompts has been seen after them.
 *
 * node --conditions=@latte-flow/source tooling/benchmark/steady-memory.ts CONFIG [--steps 10000] [--batch-size 32] [--dtype D]
 */
import { bootBackend } from '@latte-flow/runtime';
import { memory } from '@tensorflow/tfjs-core';
import { parseArgs } from 'node:util';

import { openTrainingRun } from './training-run.ts';

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: {
    steps: { type: 'string', default: '10000' },
    'batch-size': { type: 'string', default: '32' },
    'warm-up': { type: 'string', default: '64' },
    dtype: { type: 'string' },
    device: { type: 'string', default: 'webgpu' },
  },
});
const [file] = positionals;
if (file === undefined) throw new Error('name a training config');
const { description, device } = await bootBackend({ device: values.device as 'webgpu' });
const { config, trainer } = await openTrainingRun(file, {
  batchSize: Number(values['batch-size']),
  dtype: values.dtype,
});

interface Held {
  readonly tensors: number;
  readonly bytes: number;
  /** In use, and held in all, spare buffers included; of WebGPU alone. */
  readonly gpuBytes?: number;
  readonly gpuBytesAllocated?: number;
}

function held(): Held {
  const { numTensors, numBytes, ...rest } = memory();
  const gpu = rest as { numBytesInGPU?: number; numBytesAllocatedInGPU?: number };
  return {
    tensors: numTensors,
    bytes: numBytes,
    gpuBytes: gpu.numBytesInGPU,
    gpuBytesAllocated: gpu.numBytesAllocatedInGPU,
  };
}

const steps = Number(values.steps);
await trainer.run({ steps: Number(values['warm-up']), logEvery: 64 });
const before = held();
const began = performance.now();
const losses: number[] = [];
await trainer.run({ steps, logEvery: 100, onLog: ({ meanLoss }) => losses.push(meanLoss) });
const seconds = (performance.now() - began) / 1000;
const after = held();
const isSteady = JSON.stringify(before) === JSON.stringify(after);
const { batchSize, dtype } = config;
const [firstLoss, lastLoss] = [losses[0], losses.at(-1)];
const result = {
  config: file,
  device,
  description,
  batchSize,
  dtype,
  steps,
  seconds,
  before,
  after,
  isSteady,
  firstLoss,
  lastLoss,
};
process.stdout.write(`${JSON.stringify(result, undefined, 2)}\n`);
process.exit(isSteady ? 0 : 1);
