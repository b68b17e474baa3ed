import { LatteFlowError } from './errors.ts';

export type Shape = readonly number[];

/** Number of elements of a shape; 1 for a scalar. */
export function elementCount(shape: Shape): number {
  return shape.reduce((product, size) => product * size, 1);
}

/** `[2, 3]` */
export function formatShape(shape: Shape): string {
  return `[${shape.join(', ')}]`;
}

/** One axis of an expected shape: a size, or a letter that stands for any size. */
export type Axis = number | string;

/**
 * Refuses a shape that differs from the expected axes. Letters match any size, but one letter means one size within
 * a call. Returns the sizes that the letters stand for.
 *
 * @example requireShape('rmsNorm', 'x', [2, 5, 8], ['B', 'N', 8]) // { B: 2, N: 5 }
 * @throws LatteFlowError `shape-mismatch`
 */
export function requireShape(
  where: string,
  name: string,
  shape: Shape,
  axes: readonly Axis[],
  known: Readonly<Record<string, number>> = {},
): Record<string, number> {
  const sizes: Record<string, number> = { ...known };
  const matches =
    shape.length === axes.length &&
    axes.every((axis, i) => {
      const size = shape[i]!;
      if (typeof axis === 'number') return axis === size;
      const bound = sizes[axis];
      if (bound === undefined) sizes[axis] = size;
      return bound === undefined || bound === size;
    });
  if (matches) return sizes;
  const bindings = Object.entries(known).map(([letter, size]) => `${letter} = ${size}`);
  throw new LatteFlowError('shape-mismatch', {
    where,
    expected: `${name} of shape [${axes.join(', ')}]${bindings.length > 0 ? ` with ${bindings.join(', ')}` : ''}`,
    got: formatShape(shape),
    remedy: `Reshape or transpose ${name} to match.`,
    data: { name, shape, axes },
  });
}
