import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { decodeLatentFile } from '@latte-flow/autoencoder';
import { memory } from '@tensorflow/tfjs-core';
import sharp from 'sharp';
import { afterAll, beforeAll, expect, test } from 'vitest';

import { run } from '../program.ts';

const model = fileURLToPath(new URL('../../../../test/fixtures/dcae/in', import.meta.url));

let root: string;
let picture: string;
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'latte-encode-'));
  picture = join(root, 'picture.png');
  const data = Uint8Array.from({ length: 18 * 10 * 3 }, (_, i) => (i * 7) % 256);
  await sharp(data, { raw: { width: 18, height: 10, channels: 3 } })
    .png()
    .toFile(picture);
});
afterAll(() => rm(root, { recursive: true }));

async function latte(...args: readonly string[]): Promise<{ code: number; stdout: string; stderr: string }> {
  const written = { stdout: '', stderr: '' };
  const sink = (name: 'stdout' | 'stderr') => ({ write: (text: string) => (written[name] += text) });
  const code = await run([...args, '--device', 'wasm'], { stdout: sink('stdout'), stderr: sink('stderr'), env: {} });
  return { code, ...written };
}

test('a picture becomes latents in a file, and a picture of its size again', async () => {
  const [latents, back] = [join(root, 'new/latents.safetensors'), join(root, 'other/back.png')];
  const encoded = await latte('encode', picture, '--model', model, '-o', latents, '--fit', 'pad', '--json');
  expect(encoded).toMatchObject({ code: 0, stderr: '' });
  const before = memory().numTensors;
  expect(JSON.parse(encoded.stdout)).toMatchObject({ output: latents, shape: [1, 8, 3, 5], width: 18, height: 10 });
  expect(decodeLatentFile(new Uint8Array(await readFile(latents)))).toMatchObject({
    model,
    scalingFactor: 0.3189,
    factor: 4,
    width: 18,
    height: 10,
  });
  const decoded = await latte('decode', latents, '-o', back, '--tile', '16', '--json');
  expect(decoded).toMatchObject({ code: 0, stderr: '' });
  expect(JSON.parse(decoded.stdout)).toMatchObject({ output: back, model, width: 18, height: 10 });
  expect(await sharp(back).metadata()).toMatchObject({ width: 18, height: 10, channels: 3 });
  expect(memory().numTensors).toBe(before);
});

test('without a model it is the shipped one, which the file names', async () => {
  const [latents, back] = [join(root, 'shipped.safetensors'), join(root, 'shipped.png')];
  const model = '@latte-flow/emoji/autoencoder';
  const encoded = await latte('encode', picture, '-o', latents, '--fit', 'pad', '--json');
  expect(encoded).toMatchObject({ code: 0, stderr: '' });
  expect(JSON.parse(encoded.stdout)).toMatchObject({ model, shape: [1, 16, 2, 3], width: 18, height: 10 });
  const file = decodeLatentFile(new Uint8Array(await readFile(latents)));
  expect(file).toMatchObject({ model, factor: 8 });
  const decoded = await latte('decode', latents, '-o', back, '--json');
  expect(JSON.parse(decoded.stdout)).toMatchObject({ model, width: 18, height: 10 });
  expect(await sharp(back).metadata()).toMatchObject({ width: 18, height: 10 });
});

test('refuses sides that do not fit, latents of another model, files of another kind and bad options', async () => {
  const latents = join(root, 'latents.safetensors');
  const refused = async (message: string, ...args: readonly string[]) => {
    const { code, stderr } = await latte(...args);
    expect(stderr).toContain(message);
    expect(code).toBe(2);
  };
  await refused('Resize to 20 x 12', 'encode', picture, '--model', model, '-o', latents);
  await refused('.safetensors file', 'encode', picture, '--model', model, '-o', join(root, 'latents.bin'));
  await refused('--tile', 'encode', picture, '--model', model, '-o', latents, '--tile', 'big');
  await refused('no readable file', 'decode', latents, '-o', join(root, 'x.png'));
  await latte('encode', picture, '--model', model, '-o', latents, '--fit', 'pad');
  const other = join(root, 'other.json');
  await writeFile(other, 'no latents at all');
  await refused('safetensors', 'decode', other, '-o', join(root, 'x.png'));
  await refused('.png file', 'decode', latents, '-o', join(root, 'x.jpg'));
});
