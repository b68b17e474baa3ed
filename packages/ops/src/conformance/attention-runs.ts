import { normalNoise } from '@latte-flow/core';
import { add, grads, memory, mul, sum, tensor, tidy, type Scalar, type Tensor } from '@tensorflow/tfjs-core';

import { attention, attentionVisibility, type ResidualForm } from '../attention/index.ts';
import { withOccupancy, type Occupancy } from '../attention/tile.ts';
import { withPrecision, type Precision } from '../kernel/precision.ts';
import { withKernels } from '../kernel/selection.ts';

// Attention at sizes of several tiles, on kernels beside its portable definition.

export interface AttentionSizes {
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
  /** Nothing depends on the map. */
  readonly isMapUnused?: boolean;
  readonly scale?: number;
  readonly on?: Partial<Occupancy>;
}

/** Random tensors by name; the caller owns them. */
function inputsOf(sizes: AttentionSizes): Record<string, Tensor> {
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
function resultsOf(sizes: AttentionSizes, tensors: Record<string, Tensor>): Tensor[] {
  const { batch = 1, tokens, contextTokens = 0, causal = false, hidden, form, isMapUnused } = sizes;
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
      const terms = results(...moved)
        .slice(0, isMapUnused ? 1 : 2)
        .map(functional);
      return terms.reduce((total, term) => add(total, term)) as Scalar;
    })(Object.values(tensors));
    return [...results(...Object.values(tensors)), ...gradients];
  });
}

/** The values of tensors, which are disposed of. */
async function read(tensors: readonly Tensor[]): Promise<Float32Array[]> {
  const values = await Promise.all(tensors.map((x) => x.data<'float32'>()));
  for (const x of tensors) x.dispose();
  return values;
}

/** max |got - expected| / max |expected|. */
function scaledError(got: Float32Array, expected: Float32Array): number {
  const largest = expected.reduce((top, value) => Math.max(top, Math.abs(value)), 0);
  const error = expected.reduce((top, value, i) => Math.max(top, Math.abs(got[i]! - value)), 0);
  return got.every(Number.isFinite) ? error / Math.max(largest, 1e-30) : Infinity;
}

export interface Agreement {
  /** The largest scaled error of output and map, and of the gradients. */
  readonly value: number;
  readonly gradient: number;
  /** Whether a second run gave the same bits. */
  readonly isRepeated: boolean;
  /** Tensors left behind. */
  readonly leaked: number;
}

/** Compares the kernels, in a precision, with the portable definition in float32. */
export async function compareWithDefinition(sizes: AttentionSizes, precision: Precision): Promise<Agreement> {
  const tensors = inputsOf(sizes);
  const before = memory().numTensors;
  const run = () =>
    read(withOccupancy(sizes.on ?? {}, () => withPrecision(precision, () => resultsOf(sizes, tensors))));
  const [got, again] = [await run(), await run()];
  const leaked = memory().numTensors - before;
  const expected = await read(withKernels({ choice: 'portable' }, () => resultsOf(sizes, tensors)));
  Object.values(tensors).forEach((x) => x.dispose());
  const values = sizes.form === undefined ? 1 : 2;
  const errors = expected.map((result, i) => scaledError(got[i]!, result));
  return {
    value: Math.max(...errors.slice(0, values)),
    gradient: Math.max(...errors.slice(values)),
    isRepeated: got.every((result, i) => result.every((x, j) => x === again[i]![j])),
    leaked,
  };
}
