import { LatteFlowError, throwIfAborted } from '@latte-flow/core';

import type { RgbImage } from './rgb-image.ts';

function refuseBytes(cause: unknown): never {
  throw new LatteFlowError('image-invalid', {
    where: 'decodeImage',
    expected: 'the bytes of a PNG, JPEG or WebP image',
    got: 'bytes that do not decode',
    remedy: 'Pass a complete image file of a known format.',
    cause,
  });
}

function withoutAlpha(rgba: ArrayLike<number>, size: { width: number; height: number }): RgbImage {
  const data = new Uint8Array(size.width * size.height * 3);
  for (let from = 0, to = 0; to < data.length; from += 4, to += 3) {
    data[to] = rgba[from]!;
    data[to + 1] = rgba[from + 1]!;
    data[to + 2] = rgba[from + 2]!;
  }
  return { data, ...size };
}

async function decodeInBrowser(bytes: Uint8Array<ArrayBuffer>): Promise<RgbImage> {
  const bitmap = await createImageBitmap(new Blob([bytes]), {
    colorSpaceConversion: 'none',
    premultiplyAlpha: 'none',
    imageOrientation: 'none' as ImageOrientation,
  }).catch(refuseBytes);
  try {
    const { width, height } = bitmap;
    const context = new OffscreenCanvas(width, height).getContext('2d')!;
    context.drawImage(bitmap, 0, 0);
    return withoutAlpha(context.getImageData(0, 0, width, height).data, { width, height });
  } finally {
    bitmap.close();
  }
}

async function loadSharp(): Promise<typeof import('sharp').default> {
  try {
    return (await import('sharp')).default;
  } catch (cause) {
    throw new LatteFlowError('dependency-missing', {
      where: 'decodeImage',
      expected: 'the package sharp, which decodes image files in Node',
      got: 'none that can be loaded',
      remedy: 'Install it: npm install sharp.',
      cause,
    });
  }
}

/**
 * Decodes a PNG, JPEG or WebP file to RGB. Alpha is dropped, not blended, and EXIF rotation is not applied, as in the
 * reference (`PIL.Image.convert('RGB')`). In browsers `createImageBitmap` decodes, in Node the optional peer `sharp`.
 * @throws LatteFlowError `image-invalid` if the bytes are no image, `dependency-missing` without sharp
 */
export async function decodeImage(
  bytes: Uint8Array<ArrayBuffer>,
  options: { readonly signal?: AbortSignal } = {},
): Promise<RgbImage> {
  throwIfAborted(options.signal);
  if (typeof createImageBitmap === 'function' && typeof OffscreenCanvas === 'function') return decodeInBrowser(bytes);
  const sharp = await loadSharp();
  const decoded = await sharp(bytes)
    .toColourspace('srgb')
    .removeAlpha()
    .raw()
    .toBuffer({ resolveWithObject: true })
    .catch(refuseBytes);
  throwIfAborted(options.signal);
  const { width, height } = decoded.info;
  return { data: new Uint8Array(decoded.data), width, height };
}
