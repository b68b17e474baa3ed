import { bootBackend } from '@latte-flow/runtime';
import { memory } from '@tensorflow/tfjs-core';
import { expect, test } from 'vitest';

import { webgpuTest } from '../../../../tooling/test/webgpu.ts';
import { GoldenVlm, largestDifference, vlmFixtures } from '../testing/golden-vlm.ts';
import { VisionLanguageModel } from '../vision-language-model.ts';
import { disposeContextCache } from '../forward/forward.ts';

const golden = new GoldenVlm(vlmFixtures('qwen2_vl')[0]!);

/** Few tokens on WebGPU: a software adapter takes seconds for each. */
async function agrees(device: 'cpu' | 'webgpu', maxNewTokens: number): Promise<void> {
  await bootBackend({ device });
  const before = memory().numTensors;
  const model = await VisionLanguageModel.fromPretrained(golden.folder);
  for (const name of ['two', 'batch']) {
    const inputs = golden.inputs(name);
    const { logits, hidden, cache } = model.forward(inputs);
    const rows = { mask: inputs.mask, width: model.config.text.vocabSize };
    expect(largestDifference(await logits.data(), golden.floats(`${name}.logits`), rows)).toBeLessThan(5e-4);
    logits.dispose();
    hidden.dispose();
    disposeContextCache(cache);
    const sequences = await model.generateIds(inputs, { maxNewTokens, eosTokenIds: [] });
    const width = golden.view(`${name}.generated_ids`).shape[1]!;
    const expected = golden.integers(`${name}.generated_ids`).filter((_, i) => i % width < maxNewTokens);
    expect(sequences.flat()).toEqual(expected);
  }
  model.dispose();
  expect(memory().numTensors).toBe(before);
}

test('cpu: logits and greedy tokens agree', () => agrees('cpu', 12));

webgpuTest('webgpu: logits and greedy tokens agree', () => agrees('webgpu', 3));
