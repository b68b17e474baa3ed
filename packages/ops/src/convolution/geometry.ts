import { elementCount, refuseArgument, requireInteger, requireShape, type Shape } from '@latte-flow/core';

/** Where the windows of a convolution lie: odd kernels, padded with zeros by half of them on every side. */
export interface Geometry {
  readonly batch: number;
  readonly height: number;
  readonly width: number;
  readonly channels: number;
  /** Side of the kernel. */
  readonly kernel: number;
  readonly stride: number;
  readonly outHeight: number;
  readonly outWidth: number;
}

/** Windows of a geometry: the rows of the matrix that `patches` makes. */
export function windowCount({ batch, outHeight, outWidth }: Geometry): number {
  return batch * outHeight * outWidth;
}

/** floor((size + 2 (kernel - 1) / 2 - kernel) / stride) + 1: with this padding, the kernel's side cancels. */
function outSize(size: number, stride: number): number {
  return Math.floor((size - 1) / stride) + 1;
}

/**
 * The geometry of x `[B, H, W, C]` and a kernel.
 * @throws LatteFlowError `shape-mismatch`, or `invalid-argument` for an even kernel or a stride below 1
 */
export function geometryOf(
  where: string,
  x: Shape,
  { kernel, stride }: { readonly kernel: number; readonly stride: number },
): Geometry {
  requireShape(where, 'x', x, ['B', 'H', 'W', 'C']);
  requireInteger(where, 'stride', stride, { min: 1 });
  if (kernel % 2 !== 1) {
    refuseArgument({
      where,
      expected: 'a kernel of an odd side',
      got: `${kernel}`,
      remedy: 'Pad the kernel with a row and a column of zeros.',
    });
  }
  const [batch, height, width, channels] = x as [number, number, number, number];
  const [outHeight, outWidth] = [outSize(height, stride), outSize(width, stride)];
  return { batch, height, width, channels, kernel, stride, outHeight, outWidth };
}

/** Values of the matrix of patches: windows x (channels kernel^2). */
export function patchValues(geometry: Geometry): number {
  return elementCount([windowCount(geometry), geometry.channels, geometry.kernel, geometry.kernel]);
}
