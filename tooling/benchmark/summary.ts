/**
 * The README of a folder of results: tables of its `layers.json`, `pytorch.json`, `train-speed*.json` and `steady-memory.json`.
 *
 * node tooling/benchmark/summary.ts FOLDER > FOLDER/README.md
 */
import { readdir, readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';

interface LayerResult {
  readonly shape: string;
  readonly pass: string;
  readonly engine: string;
  readonly precision: string;
  /** As they lie in memory; PyTorch's results don't say. */
  readonly weights?: string;
  readonly mode?: string;
  readonly ms: number;
  readonly error?: number | null;
}

interface LayersFile {
  readonly date: string;
  readonly adapter: { readonly description: string };
  readonly versions: Readonly<Record<string, string | null>>;
  readonly results: readonly LayerResult[];
}

interface SpeedFile {
  readonly date: string;
  readonly batchSize: number;
  readonly steps: number;
  readonly from: number;
  readonly results: readonly {
    readonly build: string;
    readonly dtype: string;
    readonly imagesPerSecond: number;
    readonly millisecondsPerStep: number;
    readonly lastMeanLoss: number;
  }[];
}

interface MemoryFile {
  readonly steps: number;
  readonly batchSize: number;
  readonly seconds: number;
  readonly isSteady: boolean;
  readonly before: Readonly<Record<string, number>>;
  readonly after: Readonly<Record<string, number>>;
}

const folder = process.argv[2];
if (folder === undefined) throw new Error('name a folder of results');
const read = async <T>(name: string): Promise<T> => JSON.parse(await readFile(join(folder, name), 'utf8'));

const [layers, pytorch, memory] = await Promise.all([
  read<LayersFile>('layers.json'),
  read<LayersFile>('pytorch.json'),
  read<MemoryFile>('steady-memory.json'),
]);
const speedFiles = (await readdir(folder)).filter((name) => /^train-speed.*\.json$/.test(name)).sort();
const lines: string[] = [];
const row = (cells: readonly (string | number)[]): void => void lines.push(`| ${cells.join(' | ')} |`);
const table = (heads: readonly string[]): void => {
  row(heads);
  row(heads.map(() => '---'));
};
const digits = (value: number): string => value.toPrecision(3);

lines.push(
  `# ${pytorch.adapter.description}`,
  '',
  `Written by \`tooling/benchmark/summary.ts\` from the JSON files beside it, which hold the commands, machine, features and limits.`,
  `${layers.date.slice(0, 10)}; commit ${layers.versions['commit']}; Node ${layers.versions['node']}, TensorFlow.js`,
  `${layers.versions['tensorflow_js']}, ONNX Runtime Web ${layers.versions['onnxruntime_web']}, PyTorch ${pytorch.versions['torch']}.`,
  '',
  '## Layers',
  '',
  'Milliseconds; `error` is the largest, as a part of the largest value of the portable definition.',
  '',
);
table(['shape', 'pass', 'engine', 'operands of products', 'weights', 'mode', 'ms', 'error']);
for (const { shape, pass, engine, precision, weights = '', mode = '', ms, error } of [
  ...layers.results,
  ...pytorch.results,
].sort((a, b) => b.shape.localeCompare(a.shape) || a.pass.localeCompare(b.pass) || b.ms - a.ms)) {
  row([shape, pass, engine, precision, weights, mode, digits(ms), error == null ? '' : error.toExponential(1)]);
}
for (const name of speedFiles) {
  const { batchSize, steps, from, results, date } = await read<SpeedFile>(name);
  lines.push('', `## Images a second of \`latte train\`: ${basename(name)}`, '');
  lines.push(`${batchSize} pictures a step, steps ${from} to ${steps}, one build after another; ${date}.`, '');
  table(['build', 'operands of products', 'images / s', 'ms / step', 'to the last `before`', 'mean loss']);
  let base = Number.NaN;
  for (const { build, dtype, imagesPerSecond, millisecondsPerStep, lastMeanLoss } of results) {
    if (build === 'before') base = imagesPerSecond;
    row([build, dtype, imagesPerSecond.toFixed(0), digits(millisecondsPerStep), `${digits(imagesPerSecond / base)} x`, lastMeanLoss.toFixed(4)]); // prettier-ignore
  }
}
lines.push('', '## Memory over many steps', '');
lines.push(
  `${memory.steps} consecutive training steps of ${memory.batchSize} pictures, ${memory.seconds.toFixed(1)} s: ${memory.isSteady ? 'nothing grew.' : 'not steady.'}`,
  '',
);
table(['', 'before', 'after']);
for (const [name, value] of Object.entries(memory.before)) row([name, value, memory.after[name]!]);
process.stdout.write(`${lines.join('\n')}\n`);
