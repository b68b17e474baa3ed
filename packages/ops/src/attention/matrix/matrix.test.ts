import { normalNoise } from '@latte-flow/core';
import { bootBackend } from '@latte-flow/runtime';
import { grads, tensor, type Tensor } from '@tensorflow/tfjs-core';
import { beforeAll, describe, expect, test } from 'vitest';

import { webgpuMissing } from '../../../../../tooling/test/webgpu.ts';
import { compareWithDefinition, type AttentionSizes } from '../../conformance/attention-runs.ts';
import { withPrecision } from '../../kernel/precision.ts';
import { range } from '../../kernel/unrolled.ts';
import { attention } from '../index.ts';
import { attentionUnit } from './tile.ts';

interface MatrixCase extends AttentionSizes {
  /** Where scores are larger than a few units, whose rounding moves the weights. */
  readonly limits?: { readonly value: number; readonly gradient: number };
}

/** As what is multiplied is off by up to 2^-11 of itself, in float64 as here: 1e-3, and of gradients 1.4e-3. */
const LIMITS = { value: 1.5e-3, gradient: 2e-3 };
/** What the kernels are when no precision asks for halves. */
const FLOAT32 = 2e-5;

// Tiles of many subgroups, whatever the sizes; of few columns, as software adapters compile what is written out for minutes.
const tall = { workgroups: 1, unitSteps: 2 };
const small = { workgroups: 1, unitSteps: 1 };

const CASES: readonly MatrixCase[] = [
  { name: 'two queries', tokens: 2, width: 8 },
  { name: 'primes', batch: 2, heads: 3, tokens: 13, width: 7, on: { unitSteps: 2 } },
  { name: 'one less than a tile', batch: 2, tokens: 31, width: 8 },
  { name: 'a tile', batch: 2, tokens: 32, width: 8 },
  { name: 'one more than a tile', batch: 2, tokens: 33, width: 8 },
  { name: 'tiles and pieces of both blocks', tokens: 71, width: 16, contextTokens: 37, groups: 2, on: tall },
  { name: 'several rows a lane', tokens: 37, width: 24, contextTokens: 11, on: { ...tall, lanesPerRow: 2 } },
  { name: 'heads of 40', tokens: 35, width: 40, contextTokens: 24, on: small },
  { name: 'heads of 48', heads: 4, groups: 2, tokens: 64, width: 48, contextTokens: 12, on: small },
  { name: 'heads of 128', tokens: 33, width: 128, on: small },
  { name: 'eight buffers', tokens: 13, width: 8, contextTokens: 5, causal: true, on: { ...tall, buffers: 8 } },
  { name: 'parts of the keys', tokens: 3, width: 8, contextTokens: 150, causal: true },
  { name: 'causal, the first queries blind', batch: 2, tokens: 70, width: 8, causal: true, hidden: 34 },
  { name: 'the first keys hidden, their scores then risen above', tokens: 70, width: 8, contextTokens: 4, hidden: 34 },
  { name: 'scores: the first map', form: 'scores', tokens: 36, width: 8, contextTokens: 4, on: tall },
  {
    name: 'scores: a map carried on, in parts of the keys',
    form: 'scores',
    previous: true,
    groups: 2,
    tokens: 33,
    width: 5,
    on: { unitSteps: 1 },
  },
  {
    name: 'scores: a map that nothing depends on',
    form: 'scores',
    previous: true,
    isMapUnused: true,
    tokens: 20,
    width: 8,
    contextTokens: 5,
    on: tall,
  },
  {
    name: 'scores: a context, in vectors',
    form: 'scores',
    previous: true,
    tokens: 64,
    width: 12,
    contextTokens: 8,
    on: tall,
  },
  {
    name: 'scores: a context, blind rows, several rows a lane',
    form: 'scores',
    previous: true,
    tokens: 66,
    width: 12,
    contextTokens: 5,
    causal: true,
    hidden: 2,
    on: { ...tall, lanesPerRow: 2 },
  },
  {
    name: 'scores: ten buffers',
    form: 'scores',
    previous: true,
    tokens: 13,
    width: 8,
    contextTokens: 5,
    on: { buffers: 10 },
  },
  { name: 'small queries', tokens: 37, width: 16, scale: 1e-3, on: tall },
  {
    name: 'scores of about 5, that rise from tile to tile',
    tokens: 70,
    width: 16,
    scale: 5,
    on: tall,
    limits: { value: 2e-3, gradient: 3.5e-3 },
  },
  {
    name: 'scores of about 30',
    tokens: 37,
    width: 16,
    scale: 30,
    on: tall,
    limits: { value: 6e-3, gradient: 3e-2 },
  },
];

async function obstacle(): Promise<string | undefined> {
  if (webgpuMissing !== undefined) return webgpuMissing;
  await bootBackend({ device: 'webgpu' });
  return attentionUnit('float16') === undefined ? 'the device has no matrix units' : undefined;
}

const missing = await obstacle();

describe('attention on matrix units', () => {
  beforeAll(async () => {
    if (webgpuMissing === undefined) await bootBackend({ device: 'webgpu' });
  });

  if (missing !== undefined) {
    test.skip(`[skipped: ${missing}]`, () => {});
    return;
  }

  for (const { limits = LIMITS, ...sizes } of CASES) {
    test(`agrees with its definition: ${sizes.name}`, { timeout: 300_000 }, async () => {
      const { value, gradient, isRepeated, leaked } = await compareWithDefinition(sizes, 'float16');
      expect(value).toBeLessThanOrEqual(limits.value);
      expect(gradient).toBeLessThanOrEqual(limits.gradient);
      expect(Math.max(value, gradient), 'the error of products of float32').toBeGreaterThan(FLOAT32);
      expect(isRepeated).toBe(true);
      expect(leaked).toBe(0);
    });
  }

  test('takes its gradient in the precision of its forward pass', async () => {
    const [query, key, value, dy] = range(4).map((image) =>
      tensor(normalNoise(2 * 17 * 8, { seed: 9, image }), [1, 2, 17, 8]),
    );
    const attend = (...[q, k, v]: Tensor[]) => attention({ query: q!, key: k!, value: v! }).output;
    const inputs = [query!, key!, value!];
    const outside = grads((...moved) => withPrecision('float16', () => attend(...moved)))(inputs, dy);
    const inside = withPrecision('float16', () => grads(attend)(inputs, dy));
    for (const [i, gradient] of outside.entries()) expect(await gradient.data()).toEqual(await inside[i]!.data());
    [...outside, ...inside, ...inputs, dy!].forEach((x) => x.dispose());
  });

  test('leaves what they do not cover to float32', async () => {
    for (const sizes of [
      { name: 'one query', tokens: 1, width: 8, contextTokens: 20 },
      { name: 'a map of weights', form: 'probabilities', previous: true, tokens: 17, width: 8, contextTokens: 5 },
      { name: 'too little memory', tokens: 17, width: 8, on: { unitStorage: 256 } },
    ] as const) {
      const { value, gradient } = await compareWithDefinition(sizes, 'float16');
      expect(Math.max(value, gradient), sizes.name).toBeLessThanOrEqual(FLOAT32);
    }
  });
});
