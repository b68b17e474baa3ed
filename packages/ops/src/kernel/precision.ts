import { isPacked, type Weight } from '@latte-flow/runtime';

/**
 * How products multiply: `float32`, or operands rounded to half precision where the device has matrix units for them (and
 * float32 where it has none). Sums are float32 in both.
 */
export type Precision = 'float32' | 'float16';

let precision: Precision = 'float32';

/** The precision of the ops that are called now. An op's gradient has the precision of its forward pass. */
export function currentPrecision(): Precision {
  return precision;
}

/** The precision of products with a weight that are called now: halves are multiplied as halves. */
export function precisionOf(weight: Weight): Precision {
  return isPacked(weight) && weight.format === 'float16' ? 'float16' : precision;
}

/** Runs `work`, which is synchronous, with products of that precision. Outside of it they are `float32`. */
export function withPrecision<T>(chosen: Precision, work: () => T): T {
  const outer = precision;
  precision = chosen;
  try {
    return work();
  } finally {
    precision = outer;
  }
}
