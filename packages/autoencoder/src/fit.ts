import { refuseArgument, requireInteger } from '@latte-flow/core';
import { concat, slice, tidy, type Tensor4D } from '@tensorflow/tfjs-core';

interface Size {
  readonly height: number;
  readonly width: number;
}

/** Repeats the last row and the last column up to a size: `[B, H, W, C]` -> `[B, height, width, C]`, the caller's. */
export function padImages(x: Tensor4D, { height, width }: Size): Tensor4D {
  const [, rows, columns] = x.shape;
  return tidy(() => {
    const lastRow = slice(x, [0, rows - 1, 0, 0], [-1, 1, -1, -1]);
    const tall = concat([x, ...Array.from({ length: height - rows }, () => lastRow)], 1);
    const lastColumn = slice(tall, [0, 0, columns - 1, 0], [-1, -1, 1, -1]);
    return concat([tall, ...Array.from({ length: width - columns }, () => lastColumn)], 2);
  });
}

/** Refuses a crop that is larger than the picture. */
export function requireCrop(where: string, { height, width }: Size, picture: Size): void {
  requireInteger(where, 'size.height', height, { min: 1 });
  requireInteger(where, 'size.width', width, { min: 1 });
  if (height <= picture.height && width <= picture.width) return;
  refuseArgument({
    where,
    expected: `size to be within the picture, ${picture.width} x ${picture.height}`,
    got: `${width} x ${height}`,
    remedy: 'Pass the size that the picture had before it was padded.',
    data: { height, width, picture },
  });
}
