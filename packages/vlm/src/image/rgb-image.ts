import { LatteFlowError } from '@latte-flow/core';

/** A picture on the host: uint8 RGB, row by row, three bytes a pixel (`[height, width, 3]`). */
export interface RgbImage {
  readonly data: Uint8Array | Uint8ClampedArray;
  readonly width: number;
  readonly height: number;
}

/**
 * Refuses an image whose size is not positive or whose data do not have `width * height * 3` bytes.
 * @throws LatteFlowError `image-invalid`
 */
export function requireRgbImage(where: string, image: RgbImage): RgbImage {
  const { data, width, height } = image;
  const sized = Number.isSafeInteger(width) && Number.isSafeInteger(height) && width > 0 && height > 0;
  if (sized && ArrayBuffer.isView(data) && data.length === width * height * 3) return image;
  throw new LatteFlowError('image-invalid', {
    where,
    expected: 'an RGB image of width * height * 3 bytes',
    got: `${data?.length ?? 'no'} bytes for ${width} x ${height}`,
    remedy: 'Pass uint8 RGB pixels without alpha and their width and height.',
    data: { width, height, bytes: data?.length },
  });
}
