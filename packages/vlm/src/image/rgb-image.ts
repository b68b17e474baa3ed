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
  const isBytes = ArrayBuffer.isView(data) && data.BYTES_PER_ELEMENT === 1;
  if (sized && isBytes && data.length === width * height * 3) return image;
  throw new LatteFlowError('image-invalid', {
    where,
    expected: 'an RGB image of width * height * 3 bytes',
    got: `${data?.length ?? 'no'} ${data === undefined || isBytes ? 'bytes' : 'values of another kind'} for ${width} x ${height}`,
    remedy: 'Pass uint8 RGB pixels without alpha and their width and height.',
    data: { width, height, bytes: data?.length },
  });
}

/** RGB of RGBA bytes, alpha dropped and not blended. */
export function rgbOfRgba(rgba: Uint8Array | Uint8ClampedArray): Uint8Array {
  const data = new Uint8Array((rgba.length / 4) * 3);
  for (let from = 0, to = 0; to < data.length; from += 4, to += 3) {
    data[to] = rgba[from]!;
    data[to + 1] = rgba[from + 1]!;
    data[to + 2] = rgba[from + 2]!;
  }
  return data;
}

/** RGB of CMYK bytes (255 = full ink) as Pillow converts them: (255 - k) (255 - c) / 255, rounded. */
export function rgbOfCmyk(cmyk: Uint8Array): Uint8Array {
  const data = new Uint8Array((cmyk.length / 4) * 3);
  for (let from = 0, to = 0; to < data.length; from += 4, to += 3) {
    const light = 255 - cmyk[from + 3]!;
    for (let ink = 0; ink < 3; ink++) data[to + ink] = light - Math.round((cmyk[from + ink]! * light) / 255);
  }
  return data;
}
