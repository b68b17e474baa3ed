import { requireShape } from '@latte-flow/core';
import type { Tensor, Tensor1D, Variable } from '@tensorflow/tfjs-core';

import { kernelOr } from '../kernel/selection.ts';
import { joinVectorPortable, splitVectorPortable } from './portable.ts';
import { joinVectorWebGPU, splitVectorWebGPU } from './webgpu.ts';

function requireRoom(where: string, parts: readonly Tensor[], length: number): void {
  const total = parts.reduce((sum, { size }) => sum + size, 0);
  if (total > length) requireShape(where, 'the vector', [length], [total]);
}

/**
 * Tensors as one flat vector, one after another, zeros after the last. What an optimiser works on: its updates are then
 * a few large operations.
 *
 * @param parts float32 of any shapes, borrowed
 * @returns `[length]`, owned by the caller
 * @throws LatteFlowError `shape-mismatch` if the parts have more elements than `length`
 */
export function joinVector(parts: readonly Tensor[], length: number): Tensor1D {
  requireRoom('joinVector', parts, length);
  return kernelOr(
    parts,
    () => joinVectorWebGPU(parts, length),
    () => joinVectorPortable(parts, length),
  );
}

/**
 * Writes a flat vector to variables, the inverse of `joinVector`. Tensors that share a variable's memory (clones and
 * reshapes of it) keep their values.
 *
 * @param vector `[length]` float32, borrowed
 * @param variables float32 of any shapes, changed
 * @throws LatteFlowError `shape-mismatch` if the variables have more elements than the vector
 */
export function splitVector(vector: Tensor1D, variables: readonly Variable[]): void {
  requireRoom('splitVector', variables, vector.size);
  kernelOr(
    [vector, ...variables],
    () => splitVectorWebGPU(vector, variables),
    () => splitVectorPortable(vector, variables),
  );
}
