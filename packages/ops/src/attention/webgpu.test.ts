import { bootBackend } from '@latte-flow/runtime';
import { beforeAll, describe, expect } from 'vitest';

import { webgpuMissing, webgpuTest } from '../../../../tooling/test/webgpu.ts';
import { compareWithDefinition, type AttentionSizes } from '../conformance/attention-runs.ts';

const CASES: readonly AttentionSizes[] = [
  // Rows of a tile: 16, 32 or 64 where there are many heads; columns: 32.
  { name: 'one less than a tile', batch: 2, tokens: 31, width: 8 },
  { name: 'a tile', batch: 2, tokens: 32, width: 8 },
  { name: 'one more than a tile', batch: 2, tokens: 33, width: 8 },
  { name: 'tall tiles, one less', groups: 2, tokens: 63, width: 4, on: { workgroups: 1 } },
  { name: 'tall tiles, one more, a context', tokens: 65, width: 5, contextTokens: 3, on: { workgroups: 1 } },
  { name: 'little workgroup memory', tokens: 33, width: 68, on: { workgroups: 1, storage: 16 * 1024 } },
  { name: 'eight buffers', tokens: 5, width: 4, contextTokens: 3, causal: true, on: { buffers: 8 } },
  { name: 'heads of 64', tokens: 35, width: 64, contextTokens: 31 },
  { name: 'heads of 80', tokens: 34, width: 80 },
  { name: 'heads of 128', tokens: 33, width: 128, contextTokens: 33 },
  { name: 'heads of 256, too wide for a tile', heads: 1, groups: 1, tokens: 18, width: 256 },
  { name: 'one query after a long context', heads: 6, groups: 2, tokens: 1, width: 16, contextTokens: 333 },
  { name: 'three causal queries after a long context', tokens: 3, width: 8, contextTokens: 200, causal: true },
  { name: 'causal over tiles, the first queries blind', batch: 2, tokens: 70, width: 8, causal: true, hidden: 34 },
  ...(['scores', 'probabilities'] as const).flatMap((form): AttentionSizes[] => [
    { name: `${form}: the first map`, form, tokens: 36, width: 8, contextTokens: 4 },
    { name: `${form}: a map carried on`, form, previous: true, groups: 2, batch: 2, tokens: 33, width: 5 },
    {
      name: `${form}: tall tiles, a context, blind rows`,
      form,
      previous: true,
      tokens: 66,
      width: 12,
      contextTokens: 5,
      causal: true,
      hidden: 2,
      on: { workgroups: 1, buffers: 10 },
    },
    { name: `${form}: a device of eight buffers`, form, previous: true, tokens: 3, width: 4, on: { buffers: 8 } },
  ]),
  { name: 'large scores', tokens: 37, width: 16, scale: 30 },
  { name: 'tiny scores', tokens: 37, width: 16, scale: 1e-6 },
];

const LIMIT = 2e-5;

describe('attention in tiles', () => {
  beforeAll(async () => {
    if (webgpuMissing === undefined) await bootBackend({ device: 'webgpu' });
  });

  for (const sizes of CASES) {
    webgpuTest(`agrees with its definition: ${sizes.name}`, async () => {
      const { value, gradient, isRepeated, leaked } = await compareWithDefinition(sizes, 'float32');
      expect(value).toBeLessThanOrEqual(LIMIT);
      expect(gradient).toBeLessThanOrEqual(LIMIT);
      expect(isRepeated).toBe(true);
      expect(leaked).toBe(0);
    });
  }
});
