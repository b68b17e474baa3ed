/**
 * What a training step costs the host: dispatches, submissions, uploads and TensorFlow.js' kernels a step, and the time of
 * its JavaScript. The counts are the same on every WebGPU device.
 *
 * node --conditions=@latte-flow/source tooling/benchmark/train-step.ts CONFIG [--batch-size N] [--steps N] [--skip N] [--dtype D]
 */
import { bootBackend } from '@latte-flow/runtime';
import { engine } from '@tensorflow/tfjs-core';
import { parseArgs } from 'node:util';

import { openTrainingRun } from './training-run.ts';

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: {
    'batch-size': { type: 'string' },
    steps: { type: 'string', default: '16' },
    skip: { type: 'string', default: '16' },
    dtype: { type: 'string' },
  },
});
const [file] = positionals;
if (file === undefined) throw new Error('name a training config');
const [steps, skip] = [Number(values.steps), Number(values.skip)];
const batchSize = values['batch-size'] === undefined ? undefined : Number(values['batch-size']);
const { description } = await bootBackend({ device: 'webgpu' });

const counts = { dispatches: 0, submissions: 0, uploads: 0, copies: 0, kernels: 0 };
const phases = { upload: 0, loss: 0 };

type Methods = Record<string, (...args: unknown[]) => unknown>;

function count(owner: object, method: string, name: keyof typeof counts): void {
  const methods = owner as Methods;
  const original = methods[method]!;
  methods[method] = function (this: unknown, ...args: unknown[]) {
    counts[name]++;
    return original.apply(this, args);
  };
}
count(GPUComputePassEncoder.prototype, 'dispatchWorkgroups', 'dispatches');
count(GPUQueue.prototype, 'submit', 'submissions');
count(GPUQueue.prototype, 'writeBuffer', 'uploads');
count(GPUCommandEncoder.prototype, 'copyBufferToBuffer', 'copies');
count(engine(), 'runKernelFunc', 'kernels');

const { config, trainer } = await openTrainingRun(file, {
  batchSize,
  dtype: values.dtype,
  phase(name, work) {
    const began = performance.now();
    try {
      return work();
    } finally {
      phases[name] += performance.now() - began;
    }
  },
});
await trainer.run({ steps: skip, logEvery: skip });
Object.assign(counts, { dispatches: 0, submissions: 0, uploads: 0, copies: 0, kernels: 0 });
Object.assign(phases, { upload: 0, loss: 0 });
const [began, cpu] = [performance.now(), process.cpuUsage()];
await trainer.run({ steps, logEvery: steps });
const total = { milliseconds: performance.now() - began, cpuMilliseconds: process.cpuUsage(cpu).user / 1000 };
const perStep = (totals: Record<string, number>) =>
  Object.fromEntries(Object.entries(totals).map(([name, value]) => [name, Number((value / steps).toFixed(3))]));
const { batchSize: images, dtype } = config;
const hostMilliseconds = perStep(phases);
const result = {
  config: file,
  device: description,
  images,
  dtype,
  steps,
  ...perStep({ ...counts, ...total }),
  hostMilliseconds,
};
process.stdout.write(`${JSON.stringify(result)}\n`);
process.exit(0);
