import { bootBackend } from '@latte-flow/runtime';
import { tidy } from '@tensorflow/tfjs-core';
import { beforeAll, expect, test } from 'vitest';

import { isJsonObject, type JsonObject } from '../config/json-fields.ts';
import { TinyModel } from '../testing/tiny-model.ts';
import { tinyModels } from '../testing/tiny-models.ts';
import { parseQwen25VLConfig } from './qwen25-vl-config.ts';
import { windowLayout } from './window-layout.ts';

const files = tinyModels['qwen2_5_vl']!;
const config = parseQwen25VLConfig(files.config);
const tower = files.config['vision_config'];
const vision: JsonObject = isJsonObject(tower) ? tower : {};

beforeAll(async () => {
  await bootBackend({ device: 'wasm' });
});

test("the fields of Hub files are read, and absent ones take the reference class's values", () => {
  expect(config.vision).toMatchObject({ windowSize: 16, fullAttentionBlocks: [1], intermediateSize: 24, embedDim: 16 });
  const { window_size: _window, fullatt_block_indexes: _blocks, ...absent } = vision;
  const defaults = parseQwen25VLConfig({ ...files.config, vision_config: absent });
  expect(defaults.vision).toMatchObject({ windowSize: 112, fullAttentionBlocks: [7, 15, 23, 31] });
});

test.each([
  ['a window smaller than a token', { window_size: 7 }, 'window_size to be an integer >= 8, got 7'],
  ['blocks that are no integers', { fullatt_block_indexes: [0.5] }, 'fullatt_block_indexes'],
  ['another activation', { hidden_act: 'quick_gelu' }, 'hidden_act'],
  ['a merger of another width', { out_hidden_size: 8 }, "the text's 16, got 8"],
  ['no width of the MLP', { intermediate_size: undefined }, 'intermediate_size'],
])('refuses %s', (_, change, message) => {
  const json = { ...files.config, vision_config: { ...vision, ...change } };
  expect(() => parseQwen25VLConfig(json)).toThrow(message);
  expect(() => parseQwen25VLConfig(json)).toThrow(expect.objectContaining({ code: 'checkpoint-invalid' }));
});

test('windows cover a frame once, each within its cell, in at most four sizes', () => {
  for (let rows = 1; rows <= 7; rows++) {
    for (let columns = 1; columns <= 7; columns++) {
      for (const side of [1, 2, 3, 8]) {
        const grid = { frames: 1, rows: 2 * rows, columns: 2 * columns };
        const layout = windowLayout(grid, { ...config.vision, windowSize: side * 8 + 3 });
        expect([...layout.blockOrder].toSorted((a, b) => a - b)).toEqual([...Array(rows * columns).keys()]);
        const { segments } = layout.windows;
        expect(segments.length).toBeLessThanOrEqual(4);
        expect(layout.whole.segments).toEqual([{ start: 0, count: 1, length: 4 * rows * columns }]);
        let windows = 0;
        let next = 0;
        for (const { start, count, length } of segments) {
          expect(start).toBe(next);
          for (let i = 0; i < count; i++, windows++, next += length) {
            const blocks = layout.blockOrder.subarray(next / 4, (next + length) / 4);
            const cells = [...blocks].map((block) => [
              Math.floor(Math.floor(block / columns) / side),
              Math.floor((block % columns) / side),
            ]);
            expect(new Set(cells.map(String)).size).toBe(1);
            expect([...blocks]).toEqual([...blocks].toSorted((a, b) => a - b));
          }
        }
        expect(next).toBe(4 * rows * columns);
        expect(windows).toBe(Math.ceil(rows / side) * Math.ceil(columns / side));
      }
    }
  }
});

/** Which image tokens change when one merge block of the first image does: tokens 5 x 3, windows of 2 x 2. */
async function tokensMovedBy(block: number, fullAttentionBlocks: readonly number[]): Promise<number[]> {
  const model = new TinyModel(files, { vision_config: { ...vision, fullatt_block_indexes: fullAttentionBlocks } });
  const { adapter, processor } = model;
  using parameters = model.upload();
  const { patches, grids } = adapter.processImages([model.images[0]!], processor);
  const values = 4 * adapter.patchValues(model.config);
  const changed = patches.map((value, i) => (Math.floor(i / values) === block ? -value : value));
  const features = async (pixels: Float32Array): Promise<Float32Array> => {
    const tensor = tidy(() => {
      const images = adapter.uploadImages({ patches: pixels, grids }, model.config);
      return adapter.imageFeatures(parameters, model.config, { images }).features;
    });
    const found = (await tensor.data()) as Float32Array;
    tensor.dispose();
    return found;
  };
  const [before, after] = [await features(patches), await features(changed)];
  const width = model.config.text.hiddenSize;
  return [...Array(15).keys()].filter((token) =>
    before.subarray(token * width, (token + 1) * width).some((value, i) => value !== after[token * width + i]),
  );
}

test('patches see their own window, at the edges a smaller one, and their whole frame in full blocks', async () => {
  expect(await tokensMovedBy(0, [])).toEqual([0, 1, 5, 6]);
  expect(await tokensMovedBy(4, [])).toEqual([4, 9]); // the right edge
  expect(await tokensMovedBy(13, [])).toEqual([12, 13]); // the bottom edge
  expect(await tokensMovedBy(14, [])).toEqual([14]); // the corner
  expect(await tokensMovedBy(14, [1])).toHaveLength(15);
});
