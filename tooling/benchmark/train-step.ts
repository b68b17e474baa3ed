/**
 * What one training step costs the host: dispatches, submissions, uploads and TensorFlow.js' kernels a step, and the time
 * of its JavaScript. Run it on any WebGPU device; the counts are the same on all.
 *
 * node --conditions=@latte-flow/source tooling/benchmark/train-step.ts CONFIG [--batch-size N] [--steps N]
 */
import { bootBackend } from '@latte-flow/runtime';
import { Trainer } from '../../packages/trainer/src/index.ts';
import { engine } from '@tensorflow/tfjs-core';
import { parseArgs } from 'node:util';

import { openBatchPool } from '../../apps/cli/src/train/batch-pool.ts';
import { captioningModel } from '../../apps/cli/src/train/captioning-model.ts';
import { flowModel } from '../../apps/cli/src/train/flow-model.ts';
import type { LearnedModel } from '../../apps/cli/src/train/learned-model.ts';
import { readTrainingConfig } from '../../apps/cli/src/train/training-config.ts';

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: { 'batch-size': { type: 'string' }, steps: { type: 'string', default: '8' }, skip: { type: 'string', default: '8' }, device: { type: 'string', default: 'webgpu' } },
});
const config = { ...(await readTrainingConfig(positionals[0]!)), workers: 0, initial: undefined };
const batchSize = Number(values['batch-size'] ?? config.batchSize);
await bootBackend({ device: values.device as 'webgpu' });

const counts = { dispatches: 0, submissions: 0, uploads: 0, copies: 0 };
/** Counts the calls of a method of what the backend hands out. */
function count(prototype: object | undefined, method: string, name: keyof typeof counts): void {
  if (prototype === undefined) return;
  const methods = prototype as Record<string, (...args: unknown[]) => unknown>;
  const original = methods[method]!;
  methods[method] = function (this: unknown, ...args: unknown[]) {
    counts[name]++;
    return original.apply(this, args);
  };
}
const scope = globalThis as unknown as Record<string, { prototype: object } | undefined>;
count(scope['GPUComputePassEncoder']?.prototype, 'dispatchWorkgroups', 'dispatches');
count(scope['GPUQueue']?.prototype, 'submit', 'submissions');
count(scope['GPUQueue']?.prototype, 'writeBuffer', 'uploads');
count(scope['GPUCommandEncoder']?.prototype, 'copyBufferToBuffer', 'copies');

const model = (config.task === 'flow' ? await flowModel({ ...config, batchSize }) : await captioningModel(config)) as LearnedModel<unknown>;
await using pool = await openBatchPool({ ...config, batchSize });
const hostBatches = await Promise.all(Array.from({ length: 8 }, (_, i) => pool.take(i)));
let kernels = 0;
const tfjs = engine() as unknown as { runKernelFunc: (options: { kernelName?: string }) => unknown };
const names = new Map<string, number>();
let isCounting = false;
const original = tfjs.runKernelFunc.bind(tfjs);
tfjs.runKernelFunc = (options) => {
  kernels++;
  const name = options.kernelName ?? 'custom';
  if (isCounting) names.set(name, (names.get(name) ?? 0) + 1);
  return original(options);
};
const phases = { upload: 0, loss: 0 };
const timed = <T>(phase: keyof typeof phases, work: () => T): T => {
  const began = performance.now();
  try {
    return work();
  } finally {
    phases[phase] += performance.now() - began;
  }
};
const trainer = new Trainer<unknown>({
  parameters: model.parameters,
  loss: (batch) => timed('loss', () => model.loss(batch)),
  batch: (index) => timed('upload', () => model.upload(hostBatches[index % 8]!)),
  disposeBatch: (batch) => model.disposeBatch(batch),
  learningRate: 1e-4,
  optimizer: { betas: config.betas, weightDecay: config.weightDecay },
  block: model.block,
  clipNorm: config.clipNorm,
  ema: { decay: config.emaDecay },
});
const [steps, skip] = [Number(values.steps), Number(values.skip)];
await trainer.run({ steps: skip, logEvery: 1000 });
Object.assign(counts, { dispatches: 0, submissions: 0, uploads: 0, copies: 0 });
Object.assign(phases, { upload: 0, loss: 0 });
kernels = 0;
isCounting = true;
const [began, cpu] = [performance.now(), process.cpuUsage()];
await trainer.run({ steps, logEvery: 1000 });
const milliseconds = (performance.now() - began) / steps;
const { user } = process.cpuUsage(cpu);
const perStep = Object.fromEntries(Object.entries({ ...counts, kernels }).map(([name, value]) => [name, value / steps]));
const top = [...names].sort((a, b) => b[1] - a[1]).slice(0, 30).map(([name, value]) => [name, value / steps]);
process.stdout.write(`${JSON.stringify({ config: positionals[0], batchSize, ...perStep, milliseconds, cpu: user / 1000 / steps, upload: phases.upload / steps, loss: phases.loss / steps, top: Object.fromEntries(top) }, undefined, 1)}\n`);
trainer.dispose();
model[Symbol.dispose]();
process.exit(0);
