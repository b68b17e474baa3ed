import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { encodeSafetensors, encodeWeights, type EncodableTensor } from '@latte-flow/checkpoint';
import { writeFolder } from '@latte-flow/checkpoint/node';
import { normalNoise, uniformNoise } from '@latte-flow/core';
import { generationStreamShapes, parseLatteFlowConfig, traceVelocity } from '@latte-flow/model';
import { bootBackend, ParameterStore } from '@latte-flow/runtime';
import {
  adapterOf,
  disposeContextCache,
  initialiseParameters,
  padIds,
  parseVisionLanguageConfig,
  VisionLanguageModel,
} from '@latte-flow/vlm';
import { memory, tensor, type Tensor } from '@tensorflow/tfjs-core';
import { afterEach, beforeAll, beforeEach, expect, test } from 'vitest';

import type { CheckLine } from '../report.ts';
import { verifyFolders } from '../verify.ts';

/** One-dimensional RoPE, no biases, images as tiles: all that Qwen2-VL is not. */
const backboneJson = {
  model_type: 'idefics3',
  image_token_id: 40,
  scale_factor: 2,
  vocab_size: 48,
  tie_word_embeddings: true,
  text_config: {
    hidden_size: 12,
    intermediate_size: 16,
    num_hidden_layers: 2,
    num_attention_heads: 2,
    num_key_value_heads: 1,
    head_dim: 8,
    rope_theta: 10000,
  },
  vision_config: {
    hidden_size: 8,
    intermediate_size: 12,
    num_hidden_layers: 1,
    num_attention_heads: 2,
    image_size: 16,
    patch_size: 4,
  },
};
const streamJson = {
  kind: 'vlm_to_stream',
  vlm: 'vlm',
  hidden_size: 12,
  intermediate_size: 16,
  num_layers: 2,
  num_heads: 2,
  num_kv_heads: 1,
  head_dim: 8,
  rope_theta: 10000,
  qkv_bias: false,
  latent_channels: 2,
  latent_size: 4,
  patch_size: 2,
  num_groups: 1,
  time_frequency_dim: 16,
};
const TILE = 16;
const PATCH = 4;

beforeAll(() => bootBackend({ device: 'wasm' }));
let root: string;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'latte-stream-'));
});
afterEach(() => rm(root, { recursive: true }));

type FixtureTensor = EncodableTensor & { readonly values: Float32Array | Int32Array };

const float32 = (shape: readonly number[], values: Float32Array): FixtureTensor => ({ dtype: 'F32', shape, values });
const int32 = (shape: readonly number[], values: readonly number[]): FixtureTensor => ({
  dtype: 'I32',
  shape,
  values: Int32Array.from(values),
});
const downloaded = async (x: Tensor): Promise<FixtureTensor> => float32(x.shape, Float32Array.from(await x.data()));

/** Rows of patches as the reference has them, `[2, tiles, 3, 16, 16]`; the second sample has no image, but padding. */
function pixelValues(patches: Float32Array): FixtureTensor {
  const tiles = patches.length / (3 * TILE ** 2);
  const values = new Float32Array(2 * patches.length);
  for (let at = 0; at < patches.length; at++) {
    const within = at % (3 * PATCH ** 2);
    const patch = Math.floor(at / (3 * PATCH ** 2));
    const place = patch % (TILE / PATCH) ** 2;
    const tile = Math.floor(patch / (TILE / PATCH) ** 2);
    const channel = Math.floor(within / PATCH ** 2);
    const y = Math.floor(place / (TILE / PATCH)) * PATCH + Math.floor((within % PATCH ** 2) / PATCH);
    const x = (place % (TILE / PATCH)) * PATCH + (within % PATCH);
    values[((tile * 3 + channel) * TILE + y) * TILE + x] = patches[at]!;
  }
  return float32([2, tiles, 3, TILE, TILE], values);
}

/** A fixture made from this project's own numbers: it shows that the check reads all of it, not that they are right. */
async function writeFixture(): Promise<Map<string, FixtureTensor>> {
  const backbone = parseVisionLanguageConfig(backboneJson);
  await writeFolder(join(root, 'vlm'), {
    'config.json': JSON.stringify(backboneJson),
    'preprocessor_config.json': JSON.stringify({ size: { longest_edge: 32 }, max_image_size: { longest_edge: TILE } }),
    ...Object.fromEntries(encodeWeights(initialiseParameters(backbone, 1))),
  });
  using model = await VisionLanguageModel.fromPretrained(join(root, 'vlm'));
  const noise = uniformNoise(32 * 9 * 3, { seed: 2 });
  const image = { data: Uint8Array.from(noise, (value) => Math.floor(256 * value)), width: 32, height: 9 };
  const images = adapterOf(backbone).processImages([image], model.imageProcessor);
  const imageTokens = new Array<number>(adapterOf(backbone).imageTokens(images.grids[0]!, backbone)).fill(40);
  const ids = padIds(
    [
      [1, 2, ...imageTokens, 3],
      [4, 5, 6],
    ],
    { side: 'left', padTokenId: 0 },
  );
  const shape = [ids.batch, ids.length];

  const config = parseLatteFlowConfig(streamJson);
  const values = [...generationStreamShapes(config)].map(([name, sizes], i) => {
    const count = sizes.reduce((product, size) => product * size, 1);
    return [name, { shape: sizes, values: normalNoise(count, { seed: 3, image: i }) }] as const;
  });
  using parameters = ParameterStore.upload(values, { where: 'test' });
  const context = model.encode({ ...ids, ...images });
  const latents = tensor(normalNoise(64, { seed: 4 }), [2, 2, 4, 4]);
  const { velocity, hidden, map } = traceVelocity(
    { latents: latents as never, times: [0.25, 0.25], context, group: 0 },
    parameters,
    config,
  );
  const tensors = new Map<string, FixtureTensor>([
    ...values.map(([name, { shape: sizes, values: data }]) => [`param.${name}`, float32(sizes, data)] as const),
    ['input_ids', int32(shape, [...ids.ids])],
    ['attention_mask', int32(shape, [...ids.mask])],
    ['pixel_values', pixelValues(images.patches)],
    ['cond.end', int32([2], context.end)],
    ['latents', await downloaded(latents)],
    ['group0.t', float32([2], Float32Array.from([0.25, 0.25]))],
    ['group0.velocity', await downloaded(velocity)],
  ]);
  for (const [layer, { key, value }] of context.layers.entries()) {
    tensors.set(`cond.k.${layer}`, await downloaded(key));
    tensors.set(`cond.v.${layer}`, await downloaded(value));
  }
  disposeContextCache(context);
  for (const each of [latents, velocity, ...hidden, ...(map === undefined ? [] : [map])]) each.dispose();
  await writeFile(join(root, 'config.json'), JSON.stringify(streamJson));
  return tensors;
}

async function verify(tensors: ReadonlyMap<string, FixtureTensor>): Promise<CheckLine[]> {
  await writeFile(join(root, 'fixture.safetensors'), encodeSafetensors(tensors));
  const before = memory().numTensors;
  const lines: CheckLine[] = [];
  await verifyFolders([root], { device: 'wasm', onLine: (line) => lines.push(line) });
  expect(memory().numTensors).toBe(before);
  return lines.filter(({ kind }) => kind === 'vlm_to_stream');
}

const failed = (lines: readonly CheckLine[]): string[] =>
  lines.filter(({ status }) => status !== 'pass').map(({ quantity }) => quantity);

test('a backbone with tiles and one-dimensional RoPE drives the stream, and a pixel or an end that is off shows', async () => {
  const tensors = await writeFixture();
  const lines = await verify(tensors);
  expect(failed(lines)).toEqual([]);
  expect(lines.map(({ quantity }) => quantity)).toEqual(
    expect.arrayContaining(['cond.k.0', 'cond.v.1', 'cond.end', 'group0.velocity']),
  );

  const { values, ...pixels } = tensors.get('pixel_values')!;
  const inverted = Float32Array.from(values, (value) => -value);
  const off = failed(await verify(new Map([...tensors, ['pixel_values', { ...pixels, values: inverted }]])));
  expect(off).toEqual(expect.arrayContaining(['cond.k.1', 'group0.velocity']));
  expect(off).not.toContain('cond.end');
  expect(failed(await verify(new Map([...tensors, ['cond.end', int32([2], [9, 9])]])))).toEqual(['cond.end']);
});
