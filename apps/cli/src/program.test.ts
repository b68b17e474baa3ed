import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { encodeSafetensors, parseSafetensors } from '@latte-flow/checkpoint';
import { bootBackend } from '@latte-flow/runtime';
import { memory } from '@tensorflow/tfjs-core';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';

import { writeTinyCheckpoint } from '../../../test/models/tiny-checkpoint.ts';
import { run } from './program.ts';

let root: string;
let model: string;
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'latte-cli-'));
  model = join(root, 'model');
  await writeTinyCheckpoint(model);
  await bootBackend({ device: 'cpu' });
});
afterAll(() => rm(root, { recursive: true }));

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(root, 'case-'));
});

/** Runs `latte` on the CPU with what it wrote collected. */
async function latte(args: readonly string[], signal?: AbortSignal) {
  const [out, err]: [string[], string[]] = [[], []];
  const terminal = {
    stdout: { write: (text: string) => out.push(text) },
    stderr: { write: (text: string) => err.push(text) },
    env: {},
    signal,
  };
  const code = await run(args, terminal);
  return { code, stdout: out.join(''), stderr: err.join('') };
}

const onCpu = (...args: string[]) => [...args, '--model', model, '--device', 'cpu'];

/** One line on stderr, exit code 2, nothing on stdout and no file. */
async function expectRefused(args: readonly string[], message: string): Promise<void> {
  const { code, stdout, stderr } = await latte(args);
  expect(stderr).toContain(message);
  expect(stderr.trimEnd().split('\n')).toHaveLength(1);
  expect({ code, stdout, files: (await readdir(folder)).filter((name) => name.endsWith('png')) }).toEqual({
    code: 2,
    stdout: '',
    files: [],
  });
}

describe('generate', () => {
  test('writes a picture, the same one for the same seed, and prints one JSON object', async () => {
    const file = join(folder, 'a.png');
    const before = memory().numTensors;
    const args = onCpu('generate', 'a red apple', '-o', file, '--steps', '3', '--seed', '7', '--json');
    const first = await latte(args);
    expect(first.stderr).toBe('');
    const result = JSON.parse(first.stdout);
    expect(result).toMatchObject({
      files: [file],
      prompt: 'a red apple',
      seed: 7,
      steps: 3,
      guidance: 3,
      guidance_rule: 'cfg(3)',
      solver: 'euler',
      device: 'cpu',
      width: 16,
      height: 16,
      evaluations: 6,
      warnings: [],
    });
    expect(first.stdout.trimEnd().split('\n')).toHaveLength(1);
    expect(JSON.parse((await latte(args)).stdout).sha256).toEqual(result.sha256);
    const png = await readFile(file);
    expect(png.subarray(1, 4).toString()).toBe('PNG');
    expect(png.toString('latin1')).toContain('tEXtprompt\0a red apple');
    expect(memory().numTensors).toBe(before);
  });

  test('any rule of guidance, in a part of the run', async () => {
    const file = join(folder, 'ruled.png');
    const rule = ['--guidance-rule', 'apg', '--guidance-interval', '0.25,0.5', '--guidance-rescale', '0.5'];
    const { code, stdout } = await latte(
      onCpu('generate', 'a cat', '-o', file, '--steps', '4', '--guidance', '5', ...rule, '--json'),
    );
    expect(code).toBe(0);
    const name = 'apg(5) rescaled(0.5) at steps 0.25-0.5';
    expect(JSON.parse(stdout)).toMatchObject({ guidance: 5, guidance_rule: name, evaluations: 5 });
    expect((await readFile(file)).toString('latin1')).toContain(`tEXtguidance\0${name}`);
    await rm(file);
  });

  test('several pictures get numbered files, warnings and progress go to stderr', async () => {
    const { code, stdout, stderr } = await latte(
      onCpu('generate', 'a cat', '-o', join(folder, 'new', 'cat.png'), '--count', '2', '--steps', '1'),
    );
    expect({ code, stdout }).toEqual({ code: 0, stdout: '' });
    expect(await readdir(join(folder, 'new'))).toEqual(['cat-0.png', 'cat-1.png']);
    expect(stderr).toContain('warning: No step starts in the interval of group 1 of 2');
    expect(stderr).toContain('sample: 1 of 1 steps');
  });

  test.each([
    [['  '], 'expected a PROMPT with text in it'],
    [['x', '--steps', '0'], 'expected --steps to be an integer >= 1, got 0'],
    [['x', '--steps', 'many'], 'got "many"'],
    [['x', '--guidance', 'NaN'], 'expected --guidance to be a finite number'],
    [['x', '--guidance-rule', 'magic'], 'expected --guidance-rule to be one of cfg, cfg-zero-star, apg, mambo-g, tcfg'],
    [['x', '--guidance-interval', '0.2'], 'expected --guidance-interval START,STOP to be a finite number in [0, 1]'],
    [['x', '--guidance-interval', '0.8,0.2'], 'expected steps[1] to be a finite number in [0.8, 1], got 0.2'],
    [['x', '--guidance-rescale', '2'], 'expected --guidance-rescale to be a finite number in [0, 1], got 2'],
    [['x', '--solver', 'rk9'], 'Choose one of euler, heun'],
    [['x', '--device', 'tpu'], 'Choose one of auto, webgpu, wasm, cpu'],
    [['x', '--seed', '-1'], 'expected --seed to be an integer >= 0'],
    [['x', '--count', ''], 'expected --count to be an integer >= 1'],
    [['x', '-o', 'x.jpg'], 'end the name in .png'],
    [['x', '--colour'], "unknown option '--colour'"],
    [[], "missing required argument 'prompt'"],
  ])('refuses %j', (args, message) => expectRefused(['generate', ...args], message));

  test('refuses a prompt longer than the context, and a place that is no folder', async () => {
    const file = join(folder, 'x.png');
    await expectRefused(
      onCpu('generate', 'word '.repeat(200), '--json', '-o', file),
      'expected at most 64 tokens, got',
    );
    await expectRefused(['generate', 'x', '-o', join(model, 'config.json', 'x.png')], 'Choose another file with -o');
  });

  test('stops on abort with 130 and writes nothing', async () => {
    const { code, stderr } = await latte(onCpu('generate', 'x', '-o', join(folder, 'x.png')), AbortSignal.abort());
    expect({ code, stderr }).toEqual({ code: 130, stderr: 'latte: interrupted\n' });
    expect(await readdir(folder)).toEqual([]);
  });
});

describe('checkpoints that are wrong', () => {
  const weights = 'model.safetensors';
  const change: Record<string, (bytes: Buffer) => Uint8Array> = {
    'cut short': (bytes) => bytes.subarray(0, bytes.length / 2),
    'with a header of 4 GB': (bytes) => {
      const lying = Buffer.from(bytes);
      lying.writeBigUInt64LE(4n * 2n ** 30n);
      return lying;
    },
    'without a tensor': (bytes) => {
      const { tensors } = parseSafetensors(bytes);
      return encodeSafetensors(new Map([...tensors].filter(([name]) => name !== 'head.bias')));
    },
  };
  test.each(Object.keys(change))('weights %s are refused by generate and inspect', async (flaw) => {
    const broken = join(folder, 'model');
    await writeTinyCheckpoint(broken);
    await writeFile(join(broken, weights), change[flaw]!(await readFile(join(model, weights))));
    const file = join(folder, 'x.png');
    for (const args of [
      ['inspect', broken],
      ['generate', 'x', '--json', '-o', file, '--model', broken, '--device', 'cpu'],
    ]) {
      await expectRefused(args, flaw === 'without a tensor' ? 'head.bias' : weights);
    }
  });
});

describe('describe', () => {
  test('streams text, or prints one JSON object', async () => {
    const image = join(folder, 'a.png');
    await latte(onCpu('generate', 'x', '-o', image, '--steps', '1'));
    const { code, stdout } = await latte(onCpu('describe', image, '--question', 'What is this?', '--json'));
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({
      images: [image],
      question: 'What is this?',
      temperature: 0,
      top_p: 1,
      max_tokens: 128,
      seed: 0,
      device: 'cpu',
      warnings: [],
    });
    const streamed = await latte(onCpu('describe', image, '--question', 'What is this?'));
    expect(streamed.stdout).toBe(`${JSON.parse(stdout).text}\n`);
    const backbone = ['--model', join(model, 'vlm'), '--device', 'cpu'];
    const alone = await latte(['describe', image, '--question', 'What is this?', ...backbone]);
    expect(alone).toEqual(streamed);
  });

  test('several pictures, drawn words and a limit', async () => {
    const images = [join(folder, 'a.png'), join(folder, 'b.png')];
    for (const [seed, image] of images.entries()) {
      await latte(onCpu('generate', 'x', '-o', image, '--steps', '1', '--seed', String(seed)));
    }
    const before = memory().numTensors;
    const sampling = ['--temperature', '1.5', '--top-p', '0.95', '--max-tokens', '12', '--seed', '3', '--json'];
    const text = async (...args: string[]): Promise<string> => {
      const { code, stdout } = await latte(onCpu('describe', ...args));
      expect(code).toBe(0);
      return JSON.parse(stdout).text;
    };
    const both = await text(...images, ...sampling);
    expect(await text(...images, ...sampling)).toBe(both);
    expect(await text(images[0]!, ...sampling)).not.toBe(both);
    expect(await text(...images, ...sampling, '--seed', '4')).not.toBe(both);
    const greedy = await text(...images, '--max-tokens', '6', '--json');
    expect((await text(...images, '--max-tokens', '7', '--json')).startsWith(greedy)).toBe(true);
    expect(memory().numTensors).toBe(before);
  });

  test.each([
    ['--temperature', '-1'],
    ['--temperature', 'warm'],
    ['--top-p', '0'],
    ['--top-p', '1.5'],
    ['--max-tokens', '0'],
    ['--seed', '-1'],
  ])('refuses %s %s before it loads anything', (option, value) =>
    expectRefused(['describe', 'none.png', option, value], `${option} to be`),
  );

  test('refuses what is no image, and a question without text', async () => {
    const text = join(folder, 'a.txt');
    await writeFile(text, 'not an image');
    await expectRefused(['describe', text], 'bytes of a PNG, JPEG or WebP');
    await expectRefused(['describe', join(folder, 'none.webp')], 'an image file that can be read');
    await expectRefused(['describe', text, '--question', ' '], 'expected --question to have text');
  });
});

describe('inspect', () => {
  test('adds up the parts, and counts the cost', async () => {
    const { code, stdout } = await latte(['inspect', model, '--json']);
    expect(code).toBe(0);
    const summary = JSON.parse(stdout);
    expect(summary.parts.map(({ part }: { part: string }) => part)).toEqual(
      expect.arrayContaining(['stream shared', 'stream group 0', 'stream group 1', 'backbone vision']),
    );
    expect(summary.bytes).toBe(4 * summary.parameters);
    expect(summary.groups[1]).toEqual({ group: 1, layers: [2, 4], interval: [0.5, 1], steps: 10 });
    expect(summary.plan).toMatchObject({ steps: 20, evaluations: 40, layers: 80, vanillaLayers: 160 });
    expect((await latte(['inspect', model])).stdout).toContain('group 1  layers 2 to 3');
  });

  test('refuses a folder without a model', () => expectRefused(['inspect', folder], 'config.json'));
});

describe('usage', () => {
  test('help says what the JSON keys are; no command is bad usage', async () => {
    const help = await latte(['generate', '--help']);
    expect(help).toMatchObject({ code: 0, stderr: '' });
    expect(help.stdout).toContain('sha256');
    expect((await latte([])).code).toBe(2);
    expect((await latte(['frobnicate'])).stderr).toBe("error: unknown command 'frobnicate'. See latte --help.\n");
  });

  test('verify without fixtures is bad usage, with nothing known it is 3', async () => {
    await expectRefused(['verify'], 'missing required argument');
    await expectRefused(['verify', join(folder, 'none')], 'expected every DIR to be a folder');
    await expectRefused(['verify', folder], 'expected fixtures below the folders');
    await mkdir(join(folder, 'more'));
    await writeFile(join(folder, 'more', 'a.json'), '{ "kind": "of tomorrow" }');
    const { code, stdout } = await latte(['verify', folder, '--device', 'cpu']);
    expect(code).toBe(3);
    expect(JSON.parse(stdout)).toMatchObject({ kind: 'of tomorrow', quantity: '*', status: 'unsupported' });
  });
});
