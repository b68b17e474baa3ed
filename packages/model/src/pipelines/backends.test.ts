import type { Progress } from '@latte-flow/core';
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

webgpuTest(
  'webgpu draws the same picture again to the byte, and an abort in a captured step leaves nothing',
  async () => {
    await bootBackend({ device: 'webgpu' });
    using model = await LatteFlow.fromPretrained(checkpoint.folder);
    const inUse = () => {
      const { numTensors, numBytesInGPU } = memory() as ReturnType<typeof memory> & { numBytesInGPU: number };
      return { numTensors, numBytesInGPU };
    };
    const draw = async (onProgress?: (progress: Progress) => void, signal?: AbortSignal): Promise<Uint8Array> => {
      const options = { steps: 3, seed: 4, solver: 'heun', onProgress, signal };
      return (await generateImages(model, 'a red apple', options)).images[0]!.toPng();
    };
    const first = await draw();
    const before = inUse();
    expect(await draw()).toEqual(first);
    expect(inUse()).toEqual(before);
    const controller = new AbortController();
    const abort = ({ step }: Progress): void => void (step === 2 && controller.abort());
    await expect(draw(abort, controller.signal)).rejects.toMatchObject({ name: 'AbortError' });
    expect(inUse()).toEqual(before);
  },
);
