/**
 * What a training step costs the host: its calls of WebGPU and the time they take, and the time of its JavaScript. The counts are
 * the same on every WebGPU device.
 *
 * node --conditions=@latte-flow/source tooling/benchmark/train-step.ts CONFIG [--batch-size N] [--steps N] [--skip N] [--dtype D] \
 *   [--submit-every DISPATCHES]
 */
import { bootBackend } from '@latte-flow/runtime';
import { env } from '@tensorflow/tfjs-core';
import { parseArgs } from 'node:util';

import { DeviceCalls } from './device-calls.ts';
import { openTrainingRun } from './training-run.ts';

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: {
    'batch-size': { type: 'string' },
    steps: { type: 'string', default: '16' },
    skip: { type: 'string', default: '16' },
    dtype: { type: 'string' },
    'submit-every': { type: 'string' },
  },
});
const [file] = positionals;
if (file === undefined) throw new Error('name a training config');
const [steps, skip] = [Number(values.steps), Number(values.skip)];
const batchSize = values['batch-size'] === undefined ? undefined : Number(values['batch-size']);
const { description } = await bootBackend({ device: 'webgpu' });
if (values['submit-every'] !== undefined) {
  env().set('WEBGPU_DEFERRED_SUBMIT_BATCH_SIZE', Number(values['submit-every']));
}

const calls = new DeviceCalls();
const phases = { upload: 0, loss: 0 };

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
calls.reset();
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
  ...perStep(total),
  calls: calls.perStep(steps),
  hostMilliseconds,
};
process.stdout.write(`${JSON.stringify(result)}\n`);
process.exit(0);
