/**
 * Tensors and GPU bytes before and after many training steps: both must stay where they were. The first steps warm up:
 * every group and every length of prompts has been seen after them.
 *
 * node --conditions=@latte-flow/source tooling/benchmark/steady-memory.ts CONFIG [--steps 10000] [--warm-up 200] [--batch-size 32] \
 *   [--dtype D]
 */
import { bootBackend } from '@latte-flow/runtime';
import { memory } from '@tensorflow/tfjs-core';
import { parseArgs } from 'node:util';

import { surroundings } from '../../apps/cli/src/bench/surroundings.ts';
import { openTrainingRun } from './training-run.ts';

const LOG_EVERY = 100;

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: {
    steps: { type: 'string', default: '10000' },
    'batch-size': { type: 'string', default: '32' },
    'warm-up': { type: 'string', default: '200' },
    dtype: { type: 'string' },
    device: { type: 'string', default: 'webgpu' },
  },
});
const [file] = positionals;
if (file === undefined) throw new Error('name a training config');
const booted = await bootBackend({ device: values.device as 'webgpu' });
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

// Both counts are taken between two steps, in the middle of one run: at its end no batch is made ahead, and captured steps are freed.
const [warmUp, steps] = [Number(values['warm-up']), Number(values.steps)];
for (const [name, count] of Object.entries({ 'warm-up': warmUp, steps })) {
  if (count % LOG_EVERY !== 0) throw new Error(`--${name} must be a multiple of ${LOG_EVERY}: losses are read then`);
}
let [before, after, began, seconds] = [held(), held(), 0, 0];
const losses: number[] = [];
await trainer.run({
  steps: warmUp + steps + 1,
  logEvery: LOG_EVERY,
  onLog: ({ meanLoss }) => losses.push(meanLoss),
  onProgress({ step }) {
    if (step === warmUp) [before, began] = [held(), performance.now()];
    if (step === warmUp + steps) [after, seconds] = [held(), (performance.now() - began) / 1000];
  },
});
const isSteady = JSON.stringify(before) === JSON.stringify(after);
const { batchSize, dtype } = config;
const [firstLoss, lastLoss] = [losses[0], losses.at(-2)]; // the last record is of the last step alone
const result = {
  command: ['node steady-memory', ...process.argv.slice(2)].join(' '),
  ...(await surroundings(booted, { env: process.env, onnxRuntime: undefined })),
  config: file,
  batchSize,
  dtype,
  warmUp,
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
