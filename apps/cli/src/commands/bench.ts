import { writeFile } from 'node:fs/promises';

import { isAbort, requireOneOf, throwIfAborted } from '@latte-flow/core';
import { Command, Option } from 'commander';

import { benchAdamW } from '../bench/bench-adamw.ts';
import { benchLayers } from '../bench/bench-layers.ts';
import { benchOp } from '../bench/bench-ops.ts';
import { DeviceWait } from '../bench/clock.ts';
import type { MeasureOptions } from '../bench/measure.ts';
import { loadOnnxRuntime } from '../bench/onnx/runtime.ts';
import { opNames } from '../bench/op-cases.ts';
import type { BenchResult } from '../bench/result.ts';
import { shapeNames, shapes, type ShapeName } from '../bench/shapes.ts';
import { surroundings } from '../bench/surroundings.ts';
import { formatTable } from '../bench/table.ts';
import { bootDevice } from '../boot-device.ts';
import { ExitCode } from '../failure.ts';
import { deviceFlag, deviceOption, integerOption, jsonFlag, listOption } from '../options.ts';
import { refuseFile, requireWritable, type OutputKind } from '../output-files.ts';
import { ProgressLine } from '../progress-line.ts';
import { printJson, say, type CommandContext } from '../terminal.ts';

const WHERE = 'latte bench';
const REPORT: OutputKind = { where: WHERE, option: '--out', ending: '.json' };
const DEFAULT_SHAPES = 'small,group';
const DEFAULT_ROUNDS = '5';
/** The stack of layers, beside the single ops. */
const LAYERS = 'layers';
const ADAMW = 'adamw';
const MEASURABLE = [LAYERS, ...opNames, ADAMW];

const describeShapes = Object.entries(shapes).map(([name, shape]) => {
  const { layers, width, intermediate, heads, batch, tokens } = shape;
  return `  ${name.padEnd(10)}${layers} layers, width ${width}, SwiGLU ${intermediate}, ${heads} heads, batch ${batch}, ${tokens} tokens`;
});

const HELP = `
Shapes:
${describeShapes.join('\n')}

--ops takes layers (the stack of plain layers: forward, and the training step of small and tiny) and
${[...opNames, ADAMW].join(', ')}

Each is measured by our kernels (engine fused; on WebGPU only), by our ops' definitions on TensorFlow.js' ops (portable) and, for
layers, written with TensorFlow.js alone (tensorflow.js) and forward, on WebGPU, by ONNX Runtime (onnxruntime-web) where that
package is installed or LATTE_ONNXRUNTIME names its ort.webgpu.bundle.min.mjs; op by op (mode enqueued) and recorded and replayed (captured).
A round enqueues repetitions for about 60 ms and waits once for the device; ms is the median of the rounds.

--json prints, and --out writes:
  command     that measured this
  date, machine { cpu, cores, memory_bytes, system }
  device, adapter { vendor, architecture, device, description, ... }, features, limits
  versions    { node, tensorflow_js, dawn, onnxruntime_web (null: not installed), latte_flow, commit }
  shapes      the sizes of each
  results     [{ name, shape, pass: forward | gradient (with its forward) | update | training step, engine, precision (of the operands
              of products), weights (as they lie in memory), mode, ms, ms_min,
              ms_max, repetitions, rounds, dispatches, tflops, gb_per_s (least traffic), error (largest, as a part of the largest
              value of the engine error_against; of a training step, its gradients'), error_against }]
  failures    [{ name, shape, message }]: what could not be measured; the exit code is 1 then`;

/** What could not be measured; the rest is. */
interface Failure {
  readonly name: string;
  readonly shape: ShapeName;
  readonly message: string;
}

interface TypedOptions {
  readonly shapes: string;
  readonly ops: string;
  readonly rounds: string;
  readonly device: string;
  readonly out?: string;
  readonly json?: boolean;
}

/** The command line that measures the same again. */
function commandLine(what: string, { shapes, ops, rounds, device }: TypedOptions): string {
  return `latte bench ${what} --shapes ${shapes} --ops ${ops} --rounds ${rounds} --device ${device}`;
}

function benchOf(name: string, shape: ShapeName, options: MeasureOptions): AsyncIterable<BenchResult> {
  if (name === LAYERS) return benchLayers(shape, options);
  return name === ADAMW ? benchAdamW(shape, options) : benchOp(name, { shape, ...options });
}

async function runBench(what: string, options: TypedOptions, context: CommandContext): Promise<void> {
  requireOneOf(WHERE, 'WHAT', what, ['ops']);
  const shapeList = listOption(WHERE, '--shapes', { text: options.shapes, allowed: shapeNames });
  const wanted =
    options.ops === 'all' ? MEASURABLE : listOption(WHERE, '--ops', { text: options.ops, allowed: MEASURABLE });
  const rounds = integerOption(WHERE, '--rounds', { text: options.rounds, min: 1 });
  const device = deviceOption(WHERE, options.device);
  const { out, json } = options;
  if (out !== undefined) await requireWritable(out, REPORT);
  const { signal } = context;
  const backend = await bootDevice(device, context);

  const progress = new ProgressLine(context.stderr, { quiet: json === true });
  const onnxRuntime = await loadOnnxRuntime(context.env);
  const results: BenchResult[] = [];
  const failures: Failure[] = [];
  const wait = new DeviceWait();
  let step = 0;
  const steps = shapeList.length * wanted.length;
  try {
    for (const shape of shapeList) {
      for (const name of wanted) {
        throwIfAborted(signal);
        try {
          for await (const result of benchOf(name, shape, { rounds, signal, wait, onnxRuntime })) results.push(result);
        } catch (error) {
          if (isAbort(error, signal)) throw error;
          failures.push({ name, shape, message: error instanceof Error ? error.message : String(error) });
          say(context, `error: ${name} of ${shape}: ${failures.at(-1)!.message}`);
        }
        progress.show({ stage: 'measure', step: (step += 1), steps });
      }
    }
  } finally {
    progress.end();
    wait.dispose();
  }

  const report = {
    command: commandLine(what, options),
    ...(await surroundings(backend, { env: context.env, onnxRuntime })),
    shapes: Object.fromEntries(shapeList.map((name) => [name, shapes[name]])),
    results,
    failures,
  };
  if (failures.length > 0) context.setExitCode(ExitCode.failure);
  if (out !== undefined) await writeReport(out, report);
  if (json === true) printJson(context, report);
  else context.stdout.write(`${backend.description}\n${formatTable(results)}`);
}

async function writeReport(file: string, report: object): Promise<void> {
  await writeFile(file, `${JSON.stringify(report, undefined, 1)}\n`).catch((cause: Error) =>
    refuseFile(file, { ...REPORT, got: cause.message, cause }),
  );
}

/** `latte bench WHAT` */
export function benchCommand(context: CommandContext): Command {
  return new Command('bench')
    .description('measure the tensor ops and layers on this machine, beside plain TensorFlow.js')
    .argument('<what>', 'ops')
    .addOption(new Option('--shapes <names>', `of ${shapeNames.join(', ')}, with commas`).default(DEFAULT_SHAPES))
    .addOption(new Option('--ops <names>', 'what to measure, with commas (see below)').default('all'))
    .addOption(new Option('--rounds <n>', 'of which the median is reported').default(DEFAULT_ROUNDS))
    .addOption(new Option('--out <file>', 'also write the JSON into a .json file'))
    .addOption(deviceFlag())
    .addOption(jsonFlag())
    .addHelpText('after', HELP)
    .action((what: string, options: TypedOptions) => runBench(what, options, context));
}
