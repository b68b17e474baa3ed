import { bootBackend, ParameterStore } from '@latte-flow/runtime';
import { concat, dispose, memory, slice, tidy, type Tensor } from '@tensorflow/tfjs-core';
import { afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';

import { concatContexts, disposeContext } from '../pipelines/contexts.ts';
import { randomContext, randomParameters, randomTensor, tinyConfig } from '../testing/tiny-stream.ts';
import { layerOfParameter } from './parameter-shapes.ts';
import { predictVelocity, traceVelocity } from './velocity.ts';

const parameters = randomParameters(tinyConfig);
const uploaded = (entries: Iterable<readonly [string, { shape: readonly number[]; values: Float32Array }]>) =>
  ParameterStore.upload(entries, { where: 'test' });

/** Largest difference relative to the largest value. */
async function relativeDifference(a: Tensor, b: Tensor): Promise<number> {
  expect(a.shape).toEqual(b.shape);
  const [values, expected] = [await a.data(), await b.data()];
  const scale = Math.max(...expected.map(Math.abs));
  expect(scale).toBeGreaterThan(0.1); // a velocity of zero would agree with anything
  return Math.max(...values.map((value, i) => Math.abs(value - expected[i]!))) / scale;
}

describe.each(['cpu', 'wasm'] as const)('%s', (device) => {
  let before = 0;
  beforeAll(() => bootBackend({ device }).then(() => undefined));
  beforeEach(() => {
    before = memory().numTensors;
  });
  afterEach(() => expect(memory().numTensors).toBe(before));

  test.each([
    ['shorter', [[1, 1]]],
    ['longer', [[1, 1, 1, 1, 1, 1, 1]]],
    ['itself padded on the left', [[0, 1, 1]]],
  ])('a guided batch by doubling equals two passes, the null context being %s', async (_, nullMask) => {
    using store = uploaded(parameters);
    const conditional = randomContext(tinyConfig, [[1, 1, 1, 1, 0], [1, 1, 1, 1, 1]], 100); // prettier-ignore
    const unguided = randomContext(tinyConfig, [nullMask[0]!, nullMask[0]!], 200);
    const both = concatContexts([conditional, unguided]);
    const latents = randomTensor([2, 2, 4, 4], 1);
    const doubled = concat([latents, latents], 0);
    for (const group of [0, 1]) {
      const times = [0.1 + group / 2, 0.3 + group / 2];
      const together = predictVelocity(
        { latents: doubled, times: [...times, ...times], context: both, group },
        store,
        tinyConfig,
      );
      const halves = [conditional, unguided].map((context) =>
        predictVelocity({ latents, times, context, group }, store, tinyConfig),
      );
      const apart = concat(halves, 0);
      expect(await relativeDifference(together, apart)).toBeLessThan(1e-6);
      // The two branches differ, so that mixing them up would show.
      expect(await relativeDifference(halves[0]!, halves[1]!)).toBeGreaterThan(1e-3);
      dispose([together, apart, ...halves]);
    }
    [conditional, unguided, both].forEach(disposeContext);
    dispose([latents, doubled]);
  });

  test('the step of a group depends on the layers of its group alone', async () => {
    const context = randomContext(tinyConfig, [[1, 1, 1]], 100);
    const latents = randomTensor([1, 2, 4, 4], 1);
    const velocityWith = (isPerturbed: (layer: number | undefined) => boolean, group: number): Tensor => {
      const changed = [...parameters].map(([name, { shape, values }]) => {
        const other = isPerturbed(layerOfParameter(name)) ? values.map((value) => 1.5 * value + 0.1) : values;
        return [name, { shape, values: other }] as const;
      });
      using store = uploaded(changed);
      return predictVelocity({ latents, times: [group === 0 ? 0.2 : 0.9], context, group }, store, tinyConfig);
    };
    for (const group of [0, 1]) {
      const owned = (layer: number | undefined) => layer !== undefined && Math.floor(layer / 2) === group;
      const plain = velocityWith(() => false, group);
      const others = velocityWith((layer) => layer !== undefined && !owned(layer), group);
      expect(await others.data()).toEqual(await plain.data());
      for (const layer of [2 * group, 2 * group + 1]) {
        const own = velocityWith((which) => which === layer, group);
        expect(await relativeDifference(own, plain)).toBeGreaterThan(1e-3);
        own.dispose();
      }
      using needed = uploaded([...parameters].filter(([name]) => owned(layerOfParameter(name) ?? 2 * group)));
      const times = [group === 0 ? 0.2 : 0.9];
      const alone = predictVelocity({ latents, times, context, group }, needed, tinyConfig);
      expect(await alone.data()).toEqual(await plain.data());
      dispose([plain, others, alone]);
    }
    disposeContext(context);
    latents.dispose();
  });

  test('hidden tokens of the context have no say, visible ones and the end of the context do', async () => {
    using store = uploaded(parameters);
    const latents = randomTensor([1, 2, 4, 4], 1);
    const padded = randomContext(tinyConfig, [[1, 1, 1, 0, 0]], 100);
    const cut = {
      layers: padded.layers.map(({ key, value }) => ({
        key: slice(key, [0, 0, 0, 0], [1, 1, 3, 8]),
        value: slice(value, [0, 0, 0, 0], [1, 1, 3, 8]),
      })),
      mask: slice(padded.mask, [0, 0], [1, 3]),
      end: padded.end,
    };
    const velocity = (context: typeof padded) =>
      predictVelocity({ latents, times: [0.2], context, group: 0 }, store, tinyConfig);
    const [withPadding, without, later] = [velocity(padded), velocity(cut), velocity({ ...cut, end: [9] })];
    expect(await relativeDifference(withPadding, without)).toBeLessThan(1e-6);
    expect(await relativeDifference(later, without)).toBeGreaterThan(1e-4);
    [padded, cut].forEach(disposeContext);
    dispose([latents, withPadding, without, later]);
  });

  test('a trace holds the hidden states of the group and its carried map', async () => {
    using store = uploaded(parameters);
    const context = randomContext(tinyConfig, [[1, 1]], 100);
    const latents = randomTensor([1, 2, 4, 4], 1);
    const inputs = { latents, times: [0.9], context, group: 1 };
    const { velocity, hidden, map } = traceVelocity(inputs, store, tinyConfig);
    expect(hidden.map(({ shape }) => shape)).toEqual([[1, 4, 16], [1, 4, 16]]); // prettier-ignore
    expect(map!.shape).toEqual([1, 2, 4, 4]);
    const plain = predictVelocity(inputs, store, tinyConfig);
    expect(await velocity.data()).toEqual(await plain.data());
    const off = traceVelocity(inputs, store, { ...tinyConfig, residualAttention: 'off' });
    expect(off.map).toBeUndefined();
    dispose([velocity, ...hidden, map!, plain, off.velocity, ...off.hidden]);
    disposeContext(context);
    latents.dispose();
  });

  test('bad input is refused by name and leaves nothing', () => {
    using store = uploaded(parameters);
    using incomplete = uploaded([...parameters].filter(([name]) => name !== 'layers.1.mlp.up_proj.weight'));
    const context = randomContext(tinyConfig, [[1, 1]], 100);
    const latents = randomTensor([1, 2, 4, 4], 1);
    const two = tidy(() => concat([latents, latents], 0));
    const inputs = { latents, times: [0.2], context, group: 0 };
    const refused = (changed: object, from = store) =>
      expect(() => predictVelocity({ ...inputs, ...changed }, from, tinyConfig));
    refused({ group: 2 }).toThrow('group to be an integer in [0, 1], got 2');
    refused({ times: [1.01] }).toThrow('times[0] to be a finite number in [0, 1], got 1.01');
    refused({ times: [Number.NaN] }).toThrow('times[0]');
    refused({ times: [0.1, 0.2] }).toThrow('times of shape [1], got [2]');
    refused({ latents: context.mask }).toThrow('latents of shape [B, 2, 4, 4], got [1, 2]');
    refused({ latents: two, times: [0, 0] }).toThrow('context.mask of shape [2, T], got [1, 2]');
    refused({ context: { ...context, end: [1, 2] } }).toThrow('context.end of shape [1], got [2]');
    refused({ context: { ...context, layers: context.layers.slice(0, 1) } }).toThrow('2 backbone layers, got 1');
    refused({ context: { ...context, layers: context.layers.map(({ key }) => ({ key, value: latents })) } }).toThrow(
      'context.layers[0].value of shape [1, 1, 2, 8]',
    );
    refused({}, incomplete).toThrow('layers.1.mlp.up_proj.weight');
    disposeContext(context);
    dispose([latents, two]);
  });
});
