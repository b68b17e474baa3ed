import { elementCount, normalNoise, type NoiseStream, type Shape } from '@latte-flow/core';
import type { Tensor } from '@tensorflow/tfjs-core';

import type { NdArray } from './reference.ts';

export interface Input {
  readonly shape: Shape;
  readonly dtype: 'float32' | 'int32' | 'bool';
  readonly values: Float32Array | Int32Array | Uint8Array;
  readonly differentiable: boolean;
}

/** An op at one set of shapes and values, beside its definition. */
export interface ConformanceCase {
  readonly op: string;
  readonly name: string;
  readonly inputs: Readonly<Record<string, Input>>;
  /**
   * The size of the terms that cancel, for cases whose gradient is (near) zero by cancellation; errors are scaled by
   * it where it exceeds the largest expected value.
   */
  readonly cancelling?: number;
  /** Too large for finite differences: gradients are compared with those of the portable definition. */
  readonly large?: boolean;
  /** The op; returns tensors that the caller owns, and leaves none of its own. */
  run(tensors: Readonly<Record<string, Tensor>>): Record<string, Tensor>;
  reference(arrays: Readonly<Record<string, NdArray>>): Record<string, NdArray>;
}

/** Makes an input from the random stream of its place in its case. */
export type Draw = (stream: NoiseStream) => Input;

/** Standard normals times `scale` plus `offset`. */
export function normal(shape: Shape, { scale = 1, offset = 0 } = {}): Draw {
  return (stream) => {
    const values = normalNoise(elementCount(shape), stream).map((value) => offset + scale * value);
    return { shape, dtype: 'float32', values, differentiable: true };
  };
}

/** Given values that no gradient reaches. */
export function constant(shape: Shape, values: ArrayLike<number>, dtype: Input['dtype'] = 'float32'): Draw {
  const ArrayType = { float32: Float32Array, int32: Int32Array, bool: Uint8Array }[dtype];
  return () => ({ shape, dtype, values: ArrayType.from(values), differentiable: false });
}

/** Values that no gradient reaches. */
export function fixed(draw: Draw): Draw {
  return (stream) => ({ ...draw(stream), differentiable: false });
}

interface Draft<N extends string> {
  readonly op: string;
  readonly name: string;
  readonly inputs: Readonly<Record<N, Draw>>;
  readonly cancelling?: number;
  readonly large?: boolean;
  run(tensors: Readonly<Record<N, Tensor>>): Record<string, Tensor>;
  reference(arrays: Readonly<Record<N, NdArray>>): Record<string, NdArray>;
}

/** Draws the inputs: input i of a case reads stream (seed 1, i). */
export function conformanceCase<N extends string>({ inputs, ...rest }: Draft<N>): ConformanceCase {
  const drawn = Object.entries<Draw>(inputs).map(([name, draw], image) => [name, draw({ seed: 1, image })] as const);
  return { ...rest, inputs: Object.fromEntries(drawn) } as ConformanceCase;
}

/** The inputs of a case in float64. */
export function hostInputs({ inputs }: ConformanceCase): Record<string, NdArray> {
  const entries = Object.entries(inputs).map(
    ([name, { shape, values }]) => [name, { shape, values: Float64Array.from(values) }] as const,
  );
  return Object.fromEntries(entries);
}
