import { LatteFlowError, throwIfAborted } from '@latte-flow/core';

import { readBitmap } from './browser-pixels.ts';
import { readImageHeader, type ImageHeader } from './image-header.ts';
import { rgbOfCmyk, type RgbImage } from './rgb-image.ts';
import { withoutExif } from './without-exif.ts';

const MAX_SIDE = 16_384;
const MAX_PIXELS = 2 ** 27;

export interface DecodeImageOptions {
  /** Turn the picture as its EXIF orientation says. Default false, as in the reference. */
  readonly applyOrientation?: boolean;
  /** What errors call the file. Default: nothing. */
  readonly name?: string;
  readonly signal?: AbortSignal;
}

interface Refusal {
  readonly expected: string;
  readonly got: string;
  readonly remedy: string;
  readonly name: string | undefined;
  readonly cause?: unknown;
}

function refuseImage({ name, got, ...details }: Refusal): never {
  const named = name === undefined ? got : `${got} in ${name.length > 200 ? `${name.slice(0, 200)}…` : name}`;
  throw new LatteFlowError('image-invalid', { where: 'decodeImage', ...details, got: named });
}

function refuseBytes(cause: unknown, name: string | undefined): never {
  return refuseImage({
    name,
    expected: 'the bytes of a PNG, JPEG or WebP image',
    got: 'bytes that do not decode',
    remedy: 'Pass a complete image file.',
    cause,
  });
}

/** Refuses what is no image file, and sizes that would take gigabytes, before anything is decoded. */
function requireHeader(bytes: Uint8Array, name: string | undefined): ImageHeader {
  const header = readImageHeader(bytes);
  if (header === undefined) {
    return refuseImage({
      name,
      expected: 'the bytes of a PNG, JPEG or WebP image',
      got: bytes.length === 0 ? 'none' : `${bytes.length} bytes of another kind, or cut short`,
      remedy: 'Pass a complete image file of a known format.',
    });
  }
  const { width, height } = header;
  const fits = Math.max(width, height) <= MAX_SIDE && width * height <= MAX_PIXELS;
  if (fits && width > 0 && height > 0) return header;
  return refuseImage({
    name,
    expected: `an image of 1 to ${MAX_SIDE} pixels a side and at most ${MAX_PIXELS} pixels`,
    got: `${width} x ${height}`,
    remedy: 'Scale the picture down first.',
  });
}

interface DecodeTask {
  readonly header: ImageHeader;
  readonly applyOrientation: boolean;
  readonly name: string | undefined;
}

async function decodeInBrowser(bytes: Uint8Array, { header, applyOrientation, name }: DecodeTask): Promise<RgbImage> {
  // Browsers have given up `imageOrientation: 'none'`.
  const file = applyOrientation ? bytes : withoutExif(bytes, header);
  const bitmap = await createImageBitmap(new Blob([file as Uint8Array<ArrayBuffer>]), {
    colorSpaceConversion: 'none',
    premultiplyAlpha: 'none',
    imageOrientation: 'from-image',
  }).catch((cause: unknown) => refuseBytes(cause, name));
  try {
    return { data: readBitmap(bitmap), width: bitmap.width, height: bitmap.height };
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

async function decodeInNode(
  bytes: Uint8Array,
  { header: { cmyk }, applyOrientation, name }: DecodeTask,
): Promise<RgbImage> {
  const sharp = await loadSharp();
  const opened = sharp(bytes, { ignoreIcc: true, autoOrient: applyOrientation, limitInputPixels: MAX_PIXELS });
  const converted = cmyk
    ? opened.pipelineColourspace('cmyk').toColourspace('cmyk')
    : opened.toColourspace('srgb').removeAlpha();
  const decoded = await converted
    .raw()
    .toBuffer({ resolveWithObject: true })
    .catch((cause: unknown) => refuseBytes(cause, name));
  const { width, height } = decoded.info;
  return { data: cmyk ? rgbOfCmyk(decoded.data) : new Uint8Array(decoded.data), width, height };
}

/**
 * Decodes a PNG, JPEG or WebP file to RGB: in Node by the optional peer `sharp`, with the bytes that
 * `PIL.Image.open(file).convert('RGB')` gives, in browsers by `createImageBitmap`. As there, alpha is dropped and not
 * blended, colour profiles are ignored, inks (CMYK) become RGB by multiplication, an animation gives its first frame,
 * and EXIF orientation is not applied unless asked for. Of 16-bit samples the high byte is kept (Pillow clips grey
 * ones at 255 instead). A browser has its own conversion of CMYK (Chromium's differs by 1 at most), and without WebGL it
 * gives colours under alpha rounded, black where nothing is seen.
 * @throws LatteFlowError `image-invalid` if the bytes are no image, are cut short, or their header says more than
 * 16,384 pixels a side or 2^27 pixels; `dependency-missing` without sharp
 */
export async function decodeImage(bytes: Uint8Array, options: DecodeImageOptions = {}): Promise<RgbImage> {
  throwIfAborted(options.signal);
  const header = requireHeader(bytes, options.name);
  const inBrowser = typeof createImageBitmap === 'function' && typeof OffscreenCanvas === 'function';
  const decode = inBrowser ? decodeInBrowser : decodeInNode;
  const image = await decode(bytes, {
    header,
    applyOrientation: options.applyOrientation ?? false,
    name: options.name,
  });
  throwIfAborted(options.signal);
  return image;
}
