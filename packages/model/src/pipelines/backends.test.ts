import { bootBackend, type Device } from '@latte-flow/runtime';
import { memory } from '@tensorflow/tfjs-core';
import { beforeAll, expect, test } from 'vitest';

import { webgpuTest } from '../../../../tooling/test/webgpu.ts';
import { LatteFlow } from '../latte-flow.ts';
import { pixelDifference, tinyCheckpoint } from '../testing/tiny-model.ts';
import { generateImages } from './generate-images.ts';

const checkpoint = tinyCheckpoint();
const reference: Uint8Array[] = [];

async function pixelsOn(device: Device): Promise<Uint8Array[]> {
  await bootBackend({ device });
  const before = memory().numTensors;
  const model = await LatteFlow.fromPretrained(checkpoint.folder);
  const { images } = await generateImages(model, ['a red apple', 'two dogs'], { steps: 4, guidanceScale: 3, seed: 9 });
  model.dispose();
  expect(memory().numTensors).toBe(before);
  return images.map(({ data }) => data);
}

async function agrees(device: Device): Promise<void> {
  for (const [i, pixels] of (await pixelsOn(device)).entries()) {
    expect(pixelDifference(pixels, reference[i]!)).toBeLessThanOrEqual(2);
  }
}

beforeAll(async () => {
  reference.push(...(await pixelsOn('cpu')));
});

test('the reference is a picture, not a flat field', () => {
  for (const pixels of reference) expect(new Set(pixels).size).toBeGreaterThan(50);
});

test('wasm draws the pixels of cpu', () => agrees('wasm'));

webgpuTest('webgpu draws the pixels of cpu', () => agrees('webgpu'));
