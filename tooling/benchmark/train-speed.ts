/**
 * Images a second of `latte train` by several builds of it, one after another on one machine. Needs nothing but Node: the
 * builds are bundles of tooling/train-bundle, one folder each.
 *
 * node tooling/benchmark/train-speed.ts CONFIG --build NAME=FOLDER[,DTYPE] [--build …] [--steps N] [--from N] [--device D]
 *
 * Steps up to `from` are not counted: programs are compiled in them. Ratios are to the first build.
 */
import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { parseArgs, promisify } from 'node:util';

import { describeMachine } from '../../apps/cli/src/bench/machine.ts';

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: {
    build: { type: 'string', multiple: true, default: [] },
    steps: { type: 'string', default: '300' },
    from: { type: 'string', default: '100' },
    'batch-size': { type: 'string' },
    device: { type: 'string', default: 'webgpu' },
  },
});
const [file] = positionals;
if (file === undefined || values.build.length === 0) throw new Error('name a training config and at least one --build');
const config: Record<string, unknown> = JSON.parse(await readFile(file, 'utf8'));
const [steps, from] = [Number(values.steps), Number(values.from)];
const batchSize = Number(values['batch-size'] ?? config['batch_size']);
const absolute = (name: string) => resolve(dirname(resolve(file)), String(config[name]));

interface LogRecord {
  readonly step: number;
  readonly loss: number;
  readonly mean_loss: number;
  readonly seconds: number;
}

interface Measurement {
  readonly build: string;
  readonly dtype: string;
  readonly imagesPerSecond: number;
  readonly millisecondsPerStep: number;
  readonly lastMeanLoss: number;
}

async function measure(name: string, folder: string, dtype: string | undefined): Promise<Measurement> {
  const output = await mkdtemp(join(tmpdir(), 'latte-speed-'));
  try {
    const { initial: _initial, dtype: _dtype, ...rest } = config; // speed does not depend on the weights
    const cut = {
      ...rest,
      ...(dtype === undefined ? {} : { dtype }), // older builds don't know it
      corpus: absolute('corpus'),
      backbone: absolute('backbone'),
      output,
      batch_size: batchSize,
      steps,
      log_every: 20,
      save_every: steps,
    };
    const configFile = join(output, 'train.json');
    await writeFile(configFile, JSON.stringify(cut));
    const command = [join(resolve(folder), 'latte.mjs'), 'train', configFile, '--device', values.device, '--json'];
    await promisify(execFile)(process.execPath, command);
    const log = await readFile(join(output, 'log.jsonl'), 'utf8');
    const records = log.trim().split('\n').map((line): LogRecord => JSON.parse(line)); // prettier-ignore
    const [first, last] = [records.find(({ step }) => step >= from)!, records.at(-1)!];
    const seconds = (last.seconds - first.seconds) / (last.step - first.step);
    return {
      build: name,
      dtype: dtype ?? 'float32',
      imagesPerSecond: batchSize / seconds,
      millisecondsPerStep: 1000 * seconds,
      lastMeanLoss: last.mean_loss,
    };
  } finally {
    await rm(output, { recursive: true, force: true });
  }
}

const results: (Measurement & { readonly ratio: number })[] = [];
for (const build of values.build) {
  const [name, place] = build.split('=') as [string, string];
  const [folder, dtype] = place.split(',') as [string, string | undefined];
  const measured = await measure(name, folder, dtype);
  const ratio = measured.imagesPerSecond / (results[0]?.imagesPerSecond ?? measured.imagesPerSecond);
  results.push({ ...measured, ratio });
  process.stderr.write(`${name}: ${measured.imagesPerSecond.toFixed(0)} images/s, ${ratio.toFixed(2)} x\n`);
}
const machine = describeMachine();
const command = ['node train-speed', ...process.argv.slice(2)].join(' ');
const date = new Date().toISOString();
process.stdout.write(
  `${JSON.stringify({ command, date, machine, node: process.versions.node, config: file, device: values.device, batchSize, steps, from, results }, undefined, 2)}\n`,
);
