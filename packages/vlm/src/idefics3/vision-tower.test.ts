import { normalNoise, type Shape } from '@latte-flow/core';
import { bootBackend, ParameterStore, type ParameterValues } from '@latte-flow/runtime';
import { memory, tensor2d, tensor3d, type Tensor, type Tensor2D } from '@tensorflow/tfjs-core';
import { expect, test } from 'vitest';

import { webgpuTest } from '../../../../tooling/test/webgpu.ts';
import { largestDifference } from '../testing/golden-vlm.ts';
import { idefics3ParameterShapes } from './parameter-shapes.ts';
import { tilePositionIds } from './position-ids.ts';
import { patchifyTiles, tokensPerTile } from './tile-patches.ts';
import { tinyIdefics3Config } from '../testing/tiny-idefics3.ts';
import { runTileTower, shufflePixels, type TileVisionOutput } from './vision-tower.ts';

type Rows = number[][];

const config = tinyIdefics3Config;
const { vision, scaleFactor } = config;
const TILE = vision.imageSize;
const EDGE = TILE / vision.patchSize;

function noise(count: number, stream: number): Float32Array {
  return Float32Array.from(normalNoise(count, { seed: 5, image: stream }));
}

const values = new Map<string, ParameterValues>(
  [...idefics3ParameterShapes(config)].map(([name, shape], i): [string, ParameterValues] => [
    name,
    { shape, values: noise(sizeOf(shape), i).map((x) => x * 0.3) },
  ]),
);

function sizeOf(shape: Shape): number {
  return shape.reduce((product, axis) => product * axis, 1);
}

/** A parameter as rows of its last axes. */
function rows(name: string): Rows {
  const { shape, values: flat } = values.get(`model.${name}`)!;
  const width = flat.length / shape[0]!;
  return Array.from({ length: shape[0]! }, (_, i) => [...flat.subarray(i * width, (i + 1) * width)]);
}

const vector = (name: string): number[] => rows(name).flat();
const dot = (a: readonly number[], b: readonly number[]): number => a.reduce((sum, x, i) => sum + x * b[i]!, 0);
const sum = (a: Rows, b: Rows): Rows => a.map((row, i) => row.map((x, j) => x + b[i]![j]!));

function affine(x: Rows, name: string): Rows {
  const [weight, bias] = [rows(`${name}.weight`), vector(`${name}.bias`)];
  return x.map((row) => weight.map((w, o) => dot(row, w) + bias[o]!));
}

function normed(x: Rows, name: string): Rows {
  const [weight, bias] = [vector(`${name}.weight`), vector(`${name}.bias`)];
  return x.map((row) => {
    const mean = row.reduce((a, b) => a + b) / row.length;
    const variance = row.reduce((a, b) => a + (b - mean) ** 2, 0) / row.length;
    return row.map((v, i) => ((v - mean) / Math.sqrt(variance + vision.layerNormEps)) * weight[i]! + bias[i]!);
  });
}

function attended(x: Rows, name: string): Rows {
  const [query, key, value] = ['q_proj', 'k_proj', 'v_proj'].map((part) => affine(x, `${name}.${part}`));
  const width = vision.hiddenSize / vision.numHeads;
  const joined = query!.map((row) =>
    Array.from({ length: vision.numHeads }, (_, head) => {
      const part = (r: number[]): number[] => r.slice(head * width, (head + 1) * width);
      const weights = key!.map((k) => Math.exp(dot(part(row), part(k)) / Math.sqrt(width)));
      const total = weights.reduce((a, b) => a + b);
      return part(row).map((_value, i) => weights.reduce((a, w, n) => a + (w / total) * part(value![n]!)[i]!, 0));
    }).flat(),
  );
  return affine(joined, `${name}.out_proj`);
}

/** The tower and connector from their definition, in float64: a tile `[3, TILE, TILE]` to its tokens. */
function reference(tile: Float32Array): Rows {
  const { patchSize, depth } = vision;
  const kernel = rows('vision_model.embeddings.patch_embedding.weight');
  const bias = vector('vision_model.embeddings.patch_embedding.bias');
  const places = rows('vision_model.embeddings.position_embedding.weight');
  const pixel = (c: number, y: number, x: number): number => tile[(c * TILE + y) * TILE + x]!;
  let x: Rows = Array.from(tilePositionIds(EDGE, EDGE), (place, i) =>
    kernel.map((weight, o) => {
      const [top, left] = [Math.floor(i / EDGE) * patchSize, (i % EDGE) * patchSize];
      let total = bias[o]! + places[place]![o]!;
      weight.forEach((w, at) => {
        const [c, rest] = [Math.floor(at / patchSize ** 2), at % patchSize ** 2];
        total += w * pixel(c, top + Math.floor(rest / patchSize), left + (rest % patchSize));
      });
      return total;
    }),
  );
  const gelu = (v: number): number => (v / 2) * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (v + 0.044715 * v ** 3)));
  for (let i = 0; i < depth; i++) {
    const layer = `vision_model.encoder.layers.${i}`;
    x = sum(x, attended(normed(x, `${layer}.layer_norm1`), `${layer}.self_attn`));
    const inner = affine(normed(x, `${layer}.layer_norm2`), `${layer}.mlp.fc1`).map((row) => row.map(gelu));
    x = sum(x, affine(inner, `${layer}.mlp.fc2`));
  }
  x = normed(x, 'vision_model.post_layernorm');
  const connector = rows('connector.modality_projection.proj.weight');
  const blocks = EDGE / scaleFactor;
  return Array.from({ length: blocks ** 2 }, (_, token) => {
    const [top, left] = [Math.floor(token / blocks) * scaleFactor, (token % blocks) * scaleFactor];
    const block = Array.from({ length: scaleFactor ** 2 }, (__, i) => {
      const [row, column] = [top + Math.floor(i / scaleFactor), left + (i % scaleFactor)];
      return x[row * EDGE + column]!;
    }).flat();
    return connector.map((weight) => dot(block, weight));
  });
}

const tiles = [noise(3 * TILE ** 2, 900), noise(3 * TILE ** 2, 901)];

/** Both tiles on the device, as patches, with the parameters. */
function upload(): { parameters: ParameterStore; run: { patches: Tensor2D; tiles: number; edge: number } } {
  const pixels = Float32Array.from(tiles.flatMap((tile) => [...tile]));
  const rows = patchifyTiles(pixels, { ...vision, tileSize: TILE });
  const patches = tensor2d(rows, [2 * EDGE ** 2, 3 * vision.patchSize ** 2]);
  return { parameters: ParameterStore.upload(values, { where: 'test' }), run: { patches, tiles: 2, edge: EDGE } };
}

async function agreesWithDefinition(device: 'cpu' | 'wasm' | 'webgpu'): Promise<void> {
  await bootBackend({ device });
  const before = memory().numTensors;
  const { parameters, run } = upload();
  const { features, hiddenStates, ends } = runTileTower(parameters.scope('model'), config, run);
  expect([hiddenStates.length, ends]).toEqual([0, undefined]);
  expect(features.shape).toEqual([2 * tokensPerTile(config, TILE), config.text.hiddenSize]);
  expect(largestDifference(await features.data(), tiles.flatMap(reference).flat())).toBeLessThan(1e-5);
  for (const each of [features, run.patches, parameters]) each.dispose();
  expect(memory().numTensors).toBe(before);
}

for (const device of ['cpu', 'wasm'] as const) {
  test(`${device}: tower and connector agree with their definition`, () => agreesWithDefinition(device));
}

webgpuTest('webgpu: tower and connector agree with their definition', () => agreesWithDefinition('webgpu'));

test('tiles one at a time give what they give together', async () => {
  await bootBackend({ device: 'cpu' });
  const before = memory().numTensors;
  const { parameters, run } = upload();
  const scope = parameters.scope('model');
  const statesOf = (output: TileVisionOutput): Tensor[] => {
    const { embedded, normed } = output.ends!;
    return [output.features, embedded, ...output.hiddenStates, normed];
  };
  const together = statesOf(runTileTower(scope, config, { ...run, hiddenStates: true }));
  const oneByOne = statesOf(runTileTower(scope, config, { ...run, hiddenStates: true, atOnce: 1 }));
  expect(together).toHaveLength(3 + vision.depth);
  for (const [i, state] of oneByOne.entries()) {
    expect(state.shape).toEqual(together[i]!.shape);
    expect(largestDifference(await state.data(), await together[i]!.data())).toBeLessThan(1e-6);
  }
  expect(() => runTileTower(scope, config, { ...run, atOnce: 0 })).toThrow('atOnce');
  expect(() => runTileTower(scope, config, { ...run, tiles: 3 })).toThrow(
    expect.objectContaining({ code: 'shape-mismatch' }),
  );
  for (const each of [...together, ...oneByOne, run.patches, parameters]) each.dispose();
  expect(memory().numTensors).toBe(before);
});

test('the pixel shuffle orders a block by row, column and channel', async () => {
  await bootBackend({ device: 'cpu' });
  const x = tensor3d(
    Array.from({ length: 16 * 2 }, (_, i) => i),
    [1, 16, 2],
  );
  const shuffled = shufflePixels(x, 4, 2);
  expect(shuffled.shape).toEqual([4, 8]);
  expect([...(await shuffled.data()).subarray(8, 16)]).toEqual([4, 5, 6, 7, 12, 13, 14, 15]);
  x.dispose();
  shuffled.dispose();
});

test('tiles that do not divide into tokens are refused', () => {
  expect(tokensPerTile(config, 2 * TILE)).toBe(4 * tokensPerTile(config, TILE));
  expect(() => tokensPerTile(config, TILE + vision.patchSize)).toThrow(
    expect.objectContaining({ code: 'checkpoint-mismatch' }),
  );
  expect(() => tokensPerTile(config, 1)).toThrow('0 patches on 1 pixels');
});
