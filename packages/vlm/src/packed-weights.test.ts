import { encodeSafetensors, openFileStore, type FileStore } from '@latte-flow/checkpoint';
import { withKernels } from '@latte-flow/ops';
import { bootBackend } from '@latte-flow/runtime';
import { memory } from '@tensorflow/tfjs-core';
import { beforeAll, describe, expect, test } from 'vitest';

import { webgpuMissing, webgpuTest } from '../../../tooling/test/webgpu.ts';
import { disposeContextCache } from './forward/forward.ts';
import { GoldenVlm, vlmFixtures } from './testing/golden-vlm.ts';
import { VisionLanguageModel } from './vision-language-model.ts';

const golden = new GoldenVlm(vlmFixtures('qwen2_vl')[0]!);
const [caseName] = Object.keys(golden.golden.cases);

/** Without matrix units, which round the operands of products with halves. */
async function logitsOf(model: VisionLanguageModel): Promise<Float32Array> {
  const { logits, hidden, cache, hiddenStates } = withKernels({ without: ['subgroupMatrix'] }, () =>
    model.forward(golden.inputs(caseName!)),
  );
  const values = (await logits.data()) as Float32Array;
  for (const tensor of [logits, hidden, ...hiddenStates]) tensor.dispose();
  disposeContextCache(cache);
  return values.slice();
}

/** The fixture with every weight replaced by what its packed form stands for, as plain float32. */
async function standIn(model: VisionLanguageModel): Promise<FileStore> {
  const file = encodeSafetensors(await model.parameters.download());
  const folder = await openFileStore(golden.folder);
  return {
    location: folder.location,
    exists: folder.exists,
    read: async (path, options) => (path === 'model.safetensors' ? file : folder.read(path, options)),
  };
}

const devices = webgpuMissing === undefined ? (['cpu', 'wasm', 'webgpu'] as const) : (['cpu', 'wasm'] as const);
/** Bytes of the whole model beside float32, of which norms and biases stay. */
const sizes = [
  ['float16', 0.55],
  ['int8', 0.32],
  ['int4', 0.22],
] as const;

describe.each(devices)('on %s', (device) => {
  beforeAll(async () => {
    await bootBackend({ device });
  });

  test.each(sizes)(
    '%s computes what the values that it stands for compute, and leaves nothing',
    async (dtype, size) => {
      const before = memory().numTensors;
      using packed = await VisionLanguageModel.fromPretrained(golden.folder, { dtype });
      using plain = await VisionLanguageModel.fromPretrained(await standIn(packed));
      const kept = memory().numTensors;
      const got = await logitsOf(packed);
      expect(got).toEqual(await logitsOf(plain));
      expect(memory().numTensors).toBe(kept);
      expect(packed.parameters.bytes).toBeLessThan(size * plain.parameters.bytes);
      packed.dispose();
      plain.dispose();
      expect(memory().numTensors).toBe(before);
    },
  );
});

const onDevice = (): number => (memory() as unknown as { numBytesInGPU: number }).numBytesInGPU;

describe('on webgpu', () => {
  for (const [dtype] of sizes) {
    webgpuTest(
      `${dtype} stays packed on the device, before and after a forward pass, and is the host's to the bit`,
      async () => {
        await bootBackend({ device: 'webgpu' });
        const before = onDevice();
        const packed = await VisionLanguageModel.fromPretrained(golden.folder, { dtype });
        const held = onDevice() - before;
        expect(held).toBeGreaterThanOrEqual(packed.parameters.bytes);
        expect(held).toBeLessThan(1.1 * packed.parameters.bytes); // buffers are whole multiples of 16 bytes
        await logitsOf(packed);
        expect(onDevice() - before).toBe(held);
        const values = await packed.parameters.download();
        packed.dispose();
        expect(onDevice()).toBe(before);

        await bootBackend({ device: 'cpu' });
        using host = await VisionLanguageModel.fromPretrained(golden.folder, { dtype });
        expect(values).toEqual(await host.parameters.download());
      },
    );
  }
});
