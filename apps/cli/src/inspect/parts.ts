import type { StoredTensor } from '@latte-flow/checkpoint';
import { elementCount, formatShape, LatteFlowError, type Shape } from '@latte-flow/core';

/** The tensors of one part of a model that share a dtype. */
export interface ModelPart {
  readonly part: string;
  readonly dtype: string;
  readonly tensors: number;
  readonly parameters: number;
  readonly bytes: number;
}

/** Adds up tensors by part and dtype, in the order in which they appear. */
export function countParts(weights: ReadonlyMap<string, StoredTensor>, partOf: (name: string) => string): ModelPart[] {
  const parts = new Map<string, ModelPart>();
  for (const [name, { dtype, shape, byteLength }] of weights) {
    const part = partOf(name);
    const key = `${part} ${dtype}`;
    const before = parts.get(key) ?? { part, dtype, tensors: 0, parameters: 0, bytes: 0 };
    parts.set(key, {
      ...before,
      tensors: before.tensors + 1,
      parameters: before.parameters + elementCount(shape),
      bytes: before.bytes + byteLength,
    });
  }
  return [...parts.values()];
}

/**
 * Refuses weights other than those that a config asks for.
 * @throws LatteFlowError `checkpoint-mismatch`, naming the tensor
 */
export function requireTensors(
  weights: ReadonlyMap<string, StoredTensor>,
  expected: ReadonlyMap<string, Shape>,
  location: string,
): void {
  const text = (shape: Shape | undefined): string => (shape === undefined ? 'no such tensor' : formatShape(shape));
  for (const name of new Set([...expected.keys(), ...weights.keys()])) {
    const [wanted, found] = [text(expected.get(name)), text(weights.get(name)?.shape)];
    if (wanted === found) continue;
    throw new LatteFlowError('checkpoint-mismatch', {
      where: 'latte inspect',
      expected: `${name} to be ${wanted}, by the config of ${location}`,
      got: found,
      remedy: 'Check that config.json and the weights belong to the same model.',
      data: { name },
    });
  }
}
