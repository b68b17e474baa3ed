import { normalNoise } from '@latte-flow/core';
import { bootBackend } from '@latte-flow/runtime';
import { add, grads, memory, mul, sum, tensor, tidy, type Scalar, type Tensor } from '@tensorflow/tfjs-core';
import { beforeAll, describe, expect } from 'vitest';

import { webgpuMissing, webgpuTest } from '../../../../tooling/test/webgpu.ts';
import { withKernels } from '../kernel/selection.ts';
import { attention, attentionVisibility, type ResidualForm } from './index.ts';
import { type Occupancy, withOccupancy } from './tile.ts';

interface Sizes {
  readonly name: string;
  readonly batch?: number;
  readonly heads?: number;
  readonly groups?: number;
  readonly tokens: number;
  readonly width: number;
  readonly contextTokens?: number;
  readonly causal?: boolean;
  /** Hides the first keys of the own block: queries before see nothing. */
  readonly hidden?: number;
  readonly form?: ResidualForm;
  readonly previous?: boolean;
  readonly scale?: number;
  readonly on?: Partial<Occupancy>;
}

const CASES: readonly Sizes[] = [
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
  ...(['scores', 'probabilities'] as const).flatMap((form): Sizes[] => [
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

function inputsOf(sizes: Sizes): Record<string, Tensor> {
  const { batch = 1, heads = 2, groups = 1, tokens, width, contextTokens = 0, form, previous, scale = 1 } = sizes;
  let image = 0;
  const draw = (shape: number[], by = 1): Tensor => {
    const values = normalNoise(
      shape.reduce((product, size) => product * size, 1),
      { seed: 7, image: image++ },
    );
    return tensor(values.map((value) => by * value), shape); // prettier-ignore
  };
  return {
    query: draw([batch, heads, tokens, width], scale),
    key: draw([batch, groups, tokens, width]),
    value: draw([batch, groups, tokens, width]),
    ...(contextTokens > 0 && {
      contextKey: draw([batch, groups, contextTokens, width]),
      contextValue: draw([batch, groups, contextTokens, width]),
    }),
    ...(form && previous && { previous: draw([batch, heads, tokens, tokens]), gate: draw([batch, heads]) }),
  };
}

/** Output, map, and the gradient of a random functional of both with respect to every input. */
function run(sizes: Sizes, tensors: Record<string, Tensor>): Tensor[] {
  const { batch = 1, tokens, contextTokens = 0, causal = false, hidden, form } = sizes;
  const names = Object.keys(tensors);
  return tidy(() => {
    const mask =
      hidden === undefined
        ? undefined
        : tensor(Array.from({ length: batch * tokens }, (_, i) => i % tokens >= hidden), [batch, tokens], 'bool'); // prettier-ignore
    const visibility =
      causal || mask !== undefined ? attentionVisibility({ batch, tokens, contextTokens, causal, mask }) : undefined;
    const results = (...moved: Tensor[]): Tensor[] => {
      const { query, key, value, contextKey, contextValue, previous, gate } = Object.fromEntries(
        names.map((name, i) => [name, moved[i]!]),
      );
      const context = contextKey && { key: contextKey, value: contextValue! };
      const residual = form && { form, previous, gate };
      const { output, map } = attention({ query: query!, key: key!, value: value!, context, visibility, residual });
      return map === undefined ? [output] : [output, map];
    };
    const functional = (x: Tensor, image: number): Tensor =>
      sum(mul(x, tensor(normalNoise(x.size, { seed: 8, image }), x.shape)));
    const gradients = grads((...moved: Tensor[]): Scalar => {
      const terms = results(...moved).map(functional);
      return terms.reduce((total, term) => add(total, term)) as Scalar;
    })(Object.values(tensors));
    return [...results(...Object.values(tensors)), ...gradients];
  });
}

async function read(tensors: readonly Tensor[]): Promise<Float32Array[]> {
  const values = await Promise.all(tensors.map((x) => x.data<'float32'>()));
  for (const x of tensors) x.dispose();
  return values;
}

function scaledError(got: Float32Array, expected: Float32Array): number {
  const largest = expected.reduce((top, value) => Math.max(top, Math.abs(value)), 0);
  const error = expected.reduce((top, value, i) => Math.max(top, Math.abs(got[i]! - value)), 0);
  return got.every(Number.isFinite) ? error / Math.max(largest, 1e-30) : Infinity;
}

describe('attention in tiles', () => {
  beforeAll(async () => {
    if (webgpuMissing === undefined) await bootBackend({ device: 'webgpu' });
  });

  for (const sizes of CASES) {
    webgpuTest(`agrees with its definition: ${sizes.name}`, async () => {
      const tensors = inputsOf(sizes);
      const before = memory().numTensors;
      const got = await read(withOccupancy(sizes.on ?? {}, () => run(sizes, tensors)));
      const again = await read(withOccupancy(sizes.on ?? {}, () => run(sizes, tensors)));
      expect(memory().numTensors, 'tensors left behind').toBe(before);
      const expected = await read(withKernels({ choice: 'portable' }, () => run(sizes, tensors)));
      expect(got).toHaveLength(expected.length);
      got.forEach((values, i) => {
        expect(scaledError(values, expected[i]!), `result ${i}`).toBeLessThanOrEqual(LIMIT);
        expect(again[i], `result ${i}, run twice`).toEqual(values);
      });
      Object.values(tensors).forEach((x) => x.dispose());
    });
  }
});
