import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { encodeSafetensors } from '@latte-flow/checkpoint';
import { LatteFlow } from '@latte-flow/model';
import { bootBackend } from '@latte-flow/runtime';
import { memory } from '@tensorflow/tfjs-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { writeTinyCheckpoint } from '../../../../test/models/tiny-checkpoint.ts';
import { run } from '../program.ts';

let root: string;
let model: string;
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'latte-convert-'));
  model = join(root, 'model');
  await writeTinyCheckpoint(model);
  await bootBackend({ device: 'cpu' });
});
afterAll(() => rm(root, { recursive: true }));

async function latte(...args: string[]) {
  const [out, err]: [string[], string[]] = [[], []];
  const terminal = {
    stdout: { write: (text: string) => out.push(text) },
    stderr: { write: (text: string) => err.push(text) },
    env: {},
  };
  const code = await run(args, terminal);
  return { code, stdout: out.join(''), stderr: err.join('') };
}

const generateOn = (folder: string) =>
  latte(
    'generate',
    'a cat',
    '-o',
    join(root, 'x.png'),
    '--steps',
    '2',
    '--seed',
    '3',
    '--json',
    '--model',
    folder,
    '--device',
    'cpu',
  );

describe.each(['float16', 'int8', 'int4'])('%s', (dtype) => {
  test('converts, inspects and runs as if quantised while loading; converted back it is the same model', async () => {
    const out = join(root, dtype);
    const { code, stdout, stderr } = await latte(
      'convert',
      model,
      '--dtype',
      dtype,
      '-o',
      out,
      '--shard-size',
      '20000',
      '--json',
    );
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    const { bytes, files } = JSON.parse(stdout);
    expect(bytes.after / bytes.before).toBeLessThan({ float16: 0.55, int8: 0.32, int4: 0.2 }[dtype]!);
    expect(files).toEqual(
      expect.arrayContaining(['config.json', 'vlm/tokenizer.json', 'vlm/model.safetensors.index.json']),
    );
    expect(await readFile(join(out, 'vlm/tokenizer.json'))).toEqual(await readFile(join(model, 'vlm/tokenizer.json')));
    const summary = JSON.parse((await latte('inspect', out, '--json')).stdout);
    expect(summary.bytes).toBe(bytes.after);

    const before = memory().numTensors;
    using stored = await LatteFlow.fromPretrained(out);
    using quantised = await LatteFlow.fromPretrained(model, { dtype: dtype as 'int4' });
    const [expected, got] = [await quantised.parameters.download(), await stored.parameters.download()];
    for (const [name, { values }] of expected) expect(got.get(name)!.values).toEqual(values);
    if (dtype !== 'float16') expect(stored.parameters.bytes).toBe(quantised.parameters.bytes);
    stored.dispose();
    quantised.dispose();
    expect(memory().numTensors).toBe(before);

    const wide = join(root, `${dtype}-wide`);
    expect((await latte('convert', out, '--dtype', 'float32', '-o', wide)).code).toBe(0);
    expect(JSON.parse(await readFile(join(wide, 'config.json'), 'utf8'))).not.toHaveProperty('quantization_config');
    const pictures = [JSON.parse((await generateOn(out)).stdout), JSON.parse((await generateOn(wide)).stdout)];
    expect(pictures[0].sha256).toEqual(pictures[1].sha256);
  });
});

test('inspect --dtype measures the error of every module', async () => {
  const report = async (...rules: string[]) =>
    JSON.parse((await latte('inspect', model, ...rules.flatMap((rule) => ['--dtype', rule]), '--json')).stdout);
  const [half, int8, int4] = [await report('float16'), await report('int8'), await report('int4')];
  expect(half.total.relative_error).toBeLessThan(4e-4);
  expect(int8.total.relative_error).toBeLessThan(0.01);
  expect(int4.total.relative_error).toBeGreaterThan(0.03);
  expect(int4.total.relative_error).toBeLessThan(0.12);
  const up = int4.modules.find(({ module }: { module: string }) => module === 'vlm/model.layers.*.mlp.up_proj.weight');
  // 4 layers of 48 rows of one group: 16 bytes of codes and 2 of scale.
  expect(up).toMatchObject({ dtype: 'int4', tensors: 4, parameters: 4 * 48 * 32, bytes: 4 * 48 * 18 });
  expect(up.max_error).toBeGreaterThan(up.rms_error);
  const mixed = await report('int4', 'model.layers.*=float32');
  const dtypes = mixed.modules.filter(({ module }: { module: string }) => /layers.*up_proj/.test(module));
  expect(dtypes.map(({ module, dtype }: Record<string, string>) => [module, dtype])).toEqual([
    ['layers.*.mlp.up_proj.weight', 'int4'],
    ['vlm/model.layers.*.mlp.up_proj.weight', 'float32'],
  ]);
  const text = await latte('inspect', model, '--dtype', 'int8');
  expect(text.stdout).toContain('of the rms weight');
});

describe('refused', () => {
  test.each<[string, () => Promise<string[]>, string]>([
    ['a dtype that there is not', async () => ['--dtype', 'int5'], 'one of float32, float16, int8, int4, got "int5"'],
    ['no dtype', async () => [], "required option '--dtype <rule>' not specified"],
    ['a size of 0', async () => ['--dtype', 'int8', '--shard-size', '0'], '--shard-size to be an integer >= 1'],
  ])('%s', async (_, args, message) => {
    const out = join(root, 'none');
    const { code, stderr } = await latte('convert', model, '-o', out, ...(await args()));
    expect(stderr).toContain(message);
    expect(code).toBe(2);
    await expect(readdir(out)).rejects.toThrow('ENOENT');
  });

  test('a model that is not there, a folder without weights, a target that holds something', async () => {
    const convert = (from: string, to: string) => latte('convert', from, '--dtype', 'int8', '-o', to);
    expect((await convert(join(root, 'nowhere'), join(root, 'none'))).stderr).toContain('MODEL to be a folder');
    await mkdir(join(root, 'empty'));
    expect((await convert(join(root, 'empty'), join(root, 'none'))).stderr).toContain('model.safetensors or its index');
    expect((await convert(model, model)).stderr).toContain('-o to name a new or empty folder');
    expect((await convert(model, join(model, 'config.json'))).stderr).toContain('-o to name a new or empty folder');
  });

  test('weights that are not finite, by name; nothing is left', async () => {
    const bad = join(root, 'bad');
    await mkdir(bad);
    const values = new Float32Array([1, Number.NaN]);
    await writeFile(join(bad, 'model.safetensors'), encodeSafetensors([['w', { shape: [1, 2], values }]]));
    const { code, stderr } = await latte('convert', bad, '--dtype', 'int8', '-o', join(root, 'none'));
    expect(stderr).toContain('tensor w to have finite values');
    expect(code).toBe(2);
    expect((await readdir(root)).filter((name) => name.includes('none'))).toEqual([]);
  });
});
