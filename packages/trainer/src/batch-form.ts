import { describeValue, refuseArgument } from '@latte-flow/core';
import { Tensor } from '@tensorflow/tfjs-core';

/** What is fixed of a batch, and what changes from one batch of this form to the next. */
export interface BatchForm {
  /** The same for batches that differ in the values of their tensors alone. */
  readonly key: string;
  /** In the order of the fields. */
  readonly tensors: readonly Tensor[];
}

const isPlain = (value: unknown): value is object => {
  if (typeof value !== 'object' || value === null) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return Array.isArray(value) || prototype === Object.prototype || prototype === null;
};

/** A copy of plain objects and lists with `replace` called for whatever else is in them, in the order of the fields. */
function copyWith(value: unknown, path: string, replace: (leaf: unknown, path: string) => unknown): unknown {
  if (value instanceof Tensor || !isPlain(value)) return replace(value, path);
  if (Array.isArray(value)) return value.map((item, i) => copyWith(item, `${path}[${i}]`, replace));
  const entries = Object.entries(value);
  return Object.fromEntries(entries.map(([name, field]) => [name, copyWith(field, `${path}.${name}`, replace)]));
}

function refuseField(path: string, value: unknown): never {
  return refuseArgument({
    where: 'Trainer.run',
    expected: `tensors, numbers, strings, booleans and plain objects and lists of them in ${path} of a captured batch`,
    got: ArrayBuffer.isView(value) ? 'an array of the host' : describeValue(value),
    remedy: 'Bring what changes from batch to batch to the device as tensors, or train without `captured`.',
  });
}

/** @throws LatteFlowError `invalid-argument` for a batch that holds more than tensors and plain values */
export function formOf(batch: unknown): BatchForm {
  const tensors: Tensor[] = [];
  const fixed = copyWith(batch, 'the batch', (leaf, path) => {
    if (leaf instanceof Tensor) {
      tensors.push(leaf);
      return { dtype: leaf.dtype, shape: leaf.shape };
    }
    if (leaf === undefined) return 'undefined';
    return leaf === null || ['number', 'string', 'boolean'].includes(typeof leaf) ? leaf : refuseField(path, leaf);
  });
  return { key: JSON.stringify(fixed), tensors };
}

/** The batch with other tensors in the places of its own, in their order. */
export function withTensors<Batch>(batch: Batch, tensors: readonly Tensor[]): Batch {
  let next = 0;
  return copyWith(batch, '', (leaf) => (leaf instanceof Tensor ? tensors[next++] : leaf)) as Batch;
}
