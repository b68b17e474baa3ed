import { bootBackend } from '@latte-flow/runtime';
import { memory } from '@tensorflow/tfjs-core';
import { afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';

import { randomContext, tinyConfig } from '../testing/tiny-stream.ts';
import { concatContexts, disposeContext, repeatContext } from './contexts.ts';

type Nested4 = number[][][][];

describe.each(['cpu', 'wasm'] as const)('%s', (device) => {
  let before = 0;
  beforeAll(() => bootBackend({ device }).then(() => undefined));
  beforeEach(() => {
    before = memory().numTensors;
  });
  afterEach(() => expect(memory().numTensors).toBe(before));

  test('repeating gives the rows again, and borrows', async () => {
    const context = randomContext(tinyConfig, [[0, 1, 1]], 1);
    const repeated = repeatContext(context, 3);
    expect(await repeated.mask.array()).toEqual([[0, 1, 1], [0, 1, 1], [0, 1, 1]]); // prettier-ignore
    expect(repeated.end).toEqual([3, 3, 3]);
    for (const [layer, { key, value }] of context.layers.entries()) {
      const [[keyRow], [valueRow]] = [(await key.array()) as Nested4, (await value.array()) as Nested4];
      expect(await repeated.layers[layer]!.key.array()).toEqual([keyRow, keyRow, keyRow]);
      expect(await repeated.layers[layer]!.value.array()).toEqual([valueRow, valueRow, valueRow]);
    }
    disposeContext(repeated);
    disposeContext(context);
  });

  test('stacking pads the shorter on the right with hidden zeros', async () => {
    const short = randomContext(tinyConfig, [[1]], 1);
    const long = randomContext(tinyConfig, [[1, 1, 1], [1, 1, 0]], 100); // prettier-ignore
    const stacked = concatContexts([short, long]);
    expect(await stacked.mask.array()).toEqual([[1, 0, 0], [1, 1, 1], [1, 1, 0]]); // prettier-ignore
    expect(stacked.end).toEqual([1, 3, 2]);
    expect(stacked.layers.length).toBe(tinyConfig.numLayers);
    const zero = new Array<number>(tinyConfig.headDim).fill(0);
    for (const [layer, { key, value }] of stacked.layers.entries()) {
      for (const [got, of] of [
        [key, 'key'],
        [value, 'value'],
      ] as const) {
        // prettier-ignore
        const first = (await short.layers[layer]![of].array()) as Nested4;
        const rest = (await long.layers[layer]![of].array()) as Nested4;
        expect(await got.array()).toEqual([[[first[0]![0]![0], zero, zero]], ...rest]);
      }
    }
    [short, long, stacked].forEach(disposeContext);
  });
});
