/**
 * Where the time of the benchmark's layers goes on a WebGPU device: every dispatch of a captured step between timestamps,
 * equal ones added up, beside the step as it runs.
 *
 * LATTE_DAWN_FLAGS='enable-dawn-features=vulkan_enable_f16_on_nvidia,allow_unsafe_apis disable-dawn-features=timestamp_quantization' \
 *   node --conditions=@latte-flow/source tooling/benchmark/profile-layers.ts [--steps small,small-half,train,train-half,group,group-half] \
 *   [--runs N] [--tuning FILE]
 */
import { readFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';

import { importTuning, meanSquaredError, withPrecision, type Precision } from '@latte-flow/ops';
import { bootBackend, captureStep, webgpuDevice, type CapturedStep } from '@latte-flow/runtime';
import { dispose, type Scalar, type Tensor, type Variable } from '@tensorflow/tfjs-core';

import { ourStep, trainable } from '../../apps/cli/src/bench/bench-training.ts';
import { clock, DeviceWait } from '../../apps/cli/src/bench/clock.ts';
import { drawHalfLayers, drawLayers } from '../../apps/cli/src/bench/layer-weights.ts';
import { TensorDraw } from '../../apps/cli/src/bench/philox-tensors.ts';
import { runLayers } from '../../apps/cli/src/bench/plain-layer.ts';
import { shapes, type ShapeName } from '../../apps/cli/src/bench/shapes.ts';
import { halfPrecisionScale } from '../../apps/cli/src/train/loss-scale.ts';
import { DispatchTimes, printDispatches, summarise } from './dispatch-times.ts';

const { values } = parseArgs({
  options: {
    steps: { type: 'string', default: 'small,small-half,train,train-half,group,group-half' },
    runs: { type: 'string', default: '7' },
    tuning: { type: 'string' },
  },
});
const { description } = await bootBackend({ device: 'webgpu' });
if (values.tuning !== undefined) importTuning(JSON.parse(await readFile(values.tuning, 'utf8')));
const times = new DispatchTimes(webgpuDevice()!);
const wait = new DeviceWait();

/** A captured forward pass or training step, and its input. */
async function open(name: string): Promise<{ step: CapturedStep; inputs: Tensor[] }> {
  const [what, half] = name.split('-') as [string, string | undefined];
  const precision: Precision = half === undefined ? 'float32' : 'float16';
  const shape = shapes[(what === 'train' ? 'small' : what) as ShapeName];
  const { batch, tokens, width, heads } = shape;
  const draw = new TensorDraw();
  const x = draw.normal([batch, tokens, width]);
  if (what === 'train') {
    const target = draw.normal(x.shape);
    const scale = precision === 'float16' ? halfPrecisionScale(x.size) : 1;
    const layers = drawLayers(shape).layers.map(trainable);
    const variables = layers.flatMap(({ ...weights }) => Object.values(weights) as Variable[]);
    const training = ourStep(() => meanSquaredError(runLayers(x, layers, heads), target) as Scalar, variables, scale);
    return { step: captureStep(() => (withPrecision(precision, () => training.step()), []), []), inputs: [] };
  }
  const { layers } = precision === 'float16' ? await drawHalfLayers(shape) : drawLayers(shape);
  return { step: captureStep((x) => [runLayers(x!, layers, heads)], [x]), inputs: [x] };
}

const results = [];
for (const name of values.steps.split(',')) {
  const { step, inputs } = await open(name);
  const run = (): void => dispose(step.run(...inputs));
  const { ms } = await clock(run, { rounds: 5, wait });
  const runs = [];
  for (let i = 0; i < Number(values.runs); i++) {
    runs.push(
      await times.of(async () => {
        run();
        await wait.settle();
      }),
    );
  }
  step.dispose();
  const dispatches = summarise(runs);
  const sum = dispatches.reduce((total, { microseconds }) => total + microseconds, 0) / 1000;
  results.push({ name, ms, timed_ms: sum, dispatches });
  process.stderr.write(`\n${name}: ${ms.toFixed(3)} ms, dispatches together ${sum.toFixed(3)} ms\n`);
  printDispatches(dispatches);
}
process.stdout.write(`${JSON.stringify({ device: description, results })}\n`);
process.exit(0);
