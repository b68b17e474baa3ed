import { LatteFlowError, requireShape, type Shape } from '@latte-flow/core';
import type { Tensor } from '@tensorflow/tfjs-core';

/**
 * How far apart two quantities are. *relative* is max|a - b| / max(1, max|b|), *scaled* max|a - b| / max|b| (max|a - b|
 * where b is all zeros), *absolute* max|a - b|, *exact* the number of entries that differ.
 */
export type Metric = 'relative' | 'scaled' | 'absolute' | 'exact';

/** A quantity on the host, with the shape that it must have. */
export interface Quantity {
  readonly values: ArrayLike<number>;
  readonly shape: Shape;
}

/** Which tokens count: `mask` `[B, T]` is 0 where an entry is padding, and `axis` is the quantity's axis of tokens. */
export interface Visible {
  readonly mask: ArrayLike<number>;
  readonly axis: number;
}

const product = (sizes: Shape): number => sizes.reduce((total, size) => total * size, 1);

/** Entry -> whether it belongs to a visible token; the quantity is `[B, …, T, …]`. */
function visibility(shape: Shape, { mask, axis }: Visible): (index: number) => boolean {
  const tokens = shape[axis]!;
  const inner = product(shape.slice(axis + 1));
  const perSample = product(shape.slice(1));
  return (index) => mask[Math.floor(index / perSample) * tokens + (Math.floor(index / inner) % tokens)] !== 0;
}

function scaleOf(metric: Metric, largest: number): number {
  if (metric === 'relative') return Math.max(1, largest);
  if (metric === 'scaled') return largest === 0 ? 1 : largest;
  return 1;
}

/**
 * The error of `actual` against `expected`; a value that is not a number makes it infinite.
 * @throws LatteFlowError `shape-mismatch` if the shapes differ, `checkpoint-invalid` if no entry counts
 */
export function errorBetween(
  actual: Quantity,
  expected: Quantity,
  { metric, visible }: { readonly metric: Metric; readonly visible?: Visible },
): number {
  requireShape('verify', 'the result', actual.shape, expected.shape);
  requireShape('verify', 'the fixture', [expected.values.length], [product(expected.shape)]);
  const counts = visible === undefined ? () => true : visibility(expected.shape, visible);
  let [compared, differing, worst, largest] = [0, 0, 0, 0];
  for (let i = 0; i < expected.values.length; i++) {
    if (!counts(i)) continue;
    const difference = Math.abs(actual.values[i]! - expected.values[i]!);
    compared++;
    if (difference !== 0) differing++;
    if (!(difference <= worst)) worst = Number.isNaN(difference) ? Infinity : difference;
    largest = Math.max(largest, Math.abs(expected.values[i]!));
  }
  if (compared === 0) {
    throw new LatteFlowError('checkpoint-invalid', {
      where: 'verify',
      expected: 'a quantity with at least one entry to compare',
      got: 'none',
      remedy: 'Make the fixture again.',
    });
  }
  return metric === 'exact' ? differing : worst / scaleOf(metric, largest);
}

/** A tensor's values and shape on the host; the tensor is borrowed. */
export async function download(tensor: Tensor): Promise<Quantity> {
  return { values: await tensor.data(), shape: tensor.shape };
}

/** A list of numbers as a quantity of one axis. */
export function list(values: ArrayLike<number>): Quantity {
  return { values, shape: [values.length] };
}
