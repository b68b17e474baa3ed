/**
 * Where the time of a training step goes on a WebGPU device: its dispatches between timestamps, equal ones added up, beside the
 * time of a step as it runs.
 *
 * LATTE_DAWN_FLAGS='enable-dawn-features=vulkan_enable_f16_on_nvidia,allow_unsafe_apis disable-dawn-features=timestamp_quantization' \
 *   node --conditions=@latte-flow/source tooling/benchmark/profile-training.ts CONFIG [--batch-size N] [--dtype D] [--steps N] [--warm-up N]
 */
import { parseArgs } from 'node:util';

import { bootBackend, webgpuDevice } from '@latte-flow/runtime';

import { DispatchTimes, printDispatches, summarise } from './dispatch-times.ts';
import { openTrainingRun } from './training-run.ts';

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: {
    'batch-size': { type: 'string' },
    dtype: { type: 'string' },
    steps: { type: 'string', default: '40' },
    'warm-up': { type: 'string', default: '16' },
  },
});
const [file] = positionals;
if (file === undefined) throw new Error('name a training config');
const batchSize = values['batch-size'] === undefined ? undefined : Number(values['batch-size']);
const steps = Number(values.steps);
const { description } = await bootBackend({ device: 'webgpu' });
const { config, trainer } = await openTrainingRun(file, { batchSize, dtype: values.dtype });
const losses: number[] = [];
const run = (steps: number): Promise<unknown> =>
  trainer.run({ steps, logEvery: steps, onLog: ({ meanLoss }) => losses.push(meanLoss) });

await run(Number(values['warm-up']));
const began = performance.now();
await run(steps);
const ms = (performance.now() - began) / steps;
const times = new DispatchTimes(webgpuDevice()!);
// One step: steps of different groups dispatch differently.
const dispatches = summarise([await times.of(async () => void (await run(1)))]);
const sum = dispatches.reduce((total, { microseconds }) => total + microseconds, 0) / 1000;
process.stderr.write(`${file}: ${ms.toFixed(3)} ms a step, dispatches of one together ${sum.toFixed(3)} ms\n`);
printDispatches(dispatches);
const { batchSize: images, dtype } = config;
process.stdout.write(
  `${JSON.stringify({ config: file, device: description, images, dtype, steps, ms, timed_ms: sum, losses, dispatches })}\n`,
);
process.exit(0);
