import { readFileSync } from 'node:fs';
import { join } from 'node:path';

import { parseSafetensors } from '@latte-flow/checkpoint';
import { afterEach, describe, expect, test, vi } from 'vitest';

import { GoldenVlm, vlmFixtures } from '../testing/golden-vlm.ts';
import { decodeImage } from './decode-image.ts';
import { imageProcessorConfigToJson, parseImageProcessorConfig } from './image-processor-config.ts';
import { patchifyImage } from './patchify.ts';
import { resizeImage, type ResizeFilter } from './resize.ts';
import { smartResize } from './smart-resize.ts';

const golden = new GoldenVlm(vlmFixtures('qwen2_vl')[0]!);

describe('resizing equals Pillow bit for bit', () => {
  const folder = new URL('../../../../test/fixtures/vlm/resize/', import.meta.url);
  const { rows } = JSON.parse(readFileSync(new URL('golden.json', folder), 'utf8')) as {
    rows: { case: number; filter: ResizeFilter; in_hw: [number, number]; out_hw: [number, number] }[];
  };
  const { tensors } = parseSafetensors(readFileSync(new URL('golden.safetensors', folder)));
  test.each(rows)('case $case, $filter: $in_hw to $out_hw', ({ case: index, filter, in_hw, out_hw }) => {
    const image = { data: tensors.get(`${index}.in`)!.bytes, height: in_hw[0], width: in_hw[1] };
    const resized = resizeImage(image, { height: out_hw[0], width: out_hw[1] }, { filter });
    expect(Buffer.from(resized.data).equals(tensors.get(`${index}.${filter}`)!.bytes)).toBe(true);
  });

  test('the same size gives the same image, a bad one is refused', () => {
    const image = { data: new Uint8Array(12), width: 2, height: 2 };
    expect(resizeImage(image, image)).toBe(image);
    expect(() => resizeImage(image, { width: 0, height: 2 })).toThrow('width to be an integer >= 1');
    expect(() => resizeImage({ ...image, width: 3 }, image)).toThrow('12 bytes for 3 x 2');
  });
});

test('smartResize equals the table of the reference', () => {
  expect(golden.golden.smart_resize_table.length).toBeGreaterThan(20);
  for (const { h, w, factor, min, max, out } of golden.golden.smart_resize_table as Record<string, number>[]) {
    const size = smartResize({ width: w!, height: h! }, { factor: factor!, minPixels: min!, maxPixels: max! });
    expect([size.height, size.width], `${h} x ${w}`).toEqual(out);
  }
  expect(() => smartResize({ width: 1, height: 201 }, { factor: 28, minPixels: 1, maxPixels: 2 })).toThrow(
    'aspect ratio of at most 200',
  );
});

test('both spellings of the preprocessor read alike, and contradictions are refused', () => {
  const hub = golden.json('preprocessor_config.json') as Record<string, unknown>;
  const { min_pixels, max_pixels, ...rest } = hub;
  const config = parseImageProcessorConfig(hub);
  expect(parseImageProcessorConfig({ ...rest, size: { shortest_edge: min_pixels, longest_edge: max_pixels } })).toEqual(
    config,
  );
  expect(parseImageProcessorConfig(imageProcessorConfigToJson(config))).toEqual(config);
  expect(config).toMatchObject({ minPixels: 3136, maxPixels: 15680, filter: 'bicubic' });
  expect(() => parseImageProcessorConfig({ ...hub, size: { shortest_edge: 1 } })).toThrow(
    'one value of min_pixels / shortest_edge',
  );
  expect(() => parseImageProcessorConfig({ ...hub, resample: 9 })).toThrow('resample');
  expect(() => parseImageProcessorConfig({ ...hub, image_std: [1, 0, 1] })).toThrow('image_std');
});

test('patches need sides of whole blocks', () => {
  const config = parseImageProcessorConfig({ patch_size: 2 });
  expect(() => patchifyImage({ data: new Uint8Array(4 * 6 * 3), width: 6, height: 4 }, config)).toThrow(
    'multiples of 4, got 6 x 4',
  );
});

describe('decoding', () => {
  afterEach(() => {
    vi.doUnmock('sharp');
    vi.resetModules();
  });

  test('PNG files give the pixels that Pillow gives', async () => {
    for (const index of Object.keys(golden.golden.images).keys()) {
      const file = readFileSync(join(golden.folder, `image${index}.png`));
      const { data, width, height } = await decodeImage(new Uint8Array(file));
      const expected = golden.image(index);
      expect([width, height]).toEqual([expected.width, expected.height]);
      expect(Buffer.from(data).equals(Buffer.from(expected.data))).toBe(true);
    }
  });

  test('grey images with alpha become RGB', async () => {
    const sharp = (await import('sharp')).default;
    const file = await sharp(Buffer.from([10, 128, 200, 255]), { raw: { width: 2, height: 1, channels: 2 } })
      .png()
      .toBuffer();
    expect([...(await decodeImage(new Uint8Array(file))).data]).toEqual([10, 10, 10, 200, 200, 200]);
  });

  test('bytes that are no image, and half of one, are refused; so is an aborted call', async () => {
    await expect(decodeImage(new TextEncoder().encode('no image'))).rejects.toMatchObject({ code: 'image-invalid' });
    const half = readFileSync(join(golden.folder, 'image0.png')).subarray(0, 2000);
    await expect(decodeImage(new Uint8Array(half))).rejects.toMatchObject({ code: 'image-invalid' });
    await expect(decodeImage(new Uint8Array(half), { signal: AbortSignal.abort() })).rejects.toMatchObject({
      name: 'AbortError',
    });
  });

  test('without sharp the error says what to install', async () => {
    vi.resetModules();
    vi.doMock('sharp', () => {
      throw new Error('Cannot find package');
    });
    const { decodeImage: fresh } = await import('./decode-image.ts');
    const file = readFileSync(join(golden.folder, 'image0.png'));
    await expect(fresh(file)).rejects.toMatchObject({ code: 'dependency-missing' });
  });
});
