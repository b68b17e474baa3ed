import { describeValue, LatteFlowError, refuseArgument, throwIfAborted } from '@latte-flow/core';

import { readBitmap } from './browser-pixels.ts';
import { decodeImage, type DecodeImageOptions } from './decode-image.ts';
import { requireRgbImage, rgbOfRgba, type RgbImage } from './rgb-image.ts';

const WHERE = 'loadImage';

/** A canvas of a page or a worker, or of a package for Node. */
export interface CanvasLike {
  readonly width: number;
  readonly height: number;
  getContext(kind: '2d'): unknown;
}

/** An `ImageBitmap`. */
export interface BitmapLike {
  readonly width: number;
  readonly height: number;
  close(): void;
}

/**
 * Anything that a picture comes as. A string is a path in Node, or an http(s):, data:, blob: or file: URL; `ImageData`
 * has the form of an `RgbImage`, with one byte more a pixel.
 */
export type ImageSource = string | URL | Blob | Uint8Array | ArrayBuffer | RgbImage | CanvasLike | BitmapLike;

function refuseFile(location: string, got: string, cause?: unknown): never {
  throw new LatteFlowError('file-not-found', {
    where: WHERE,
    expected: 'an image file that can be read',
    got,
    remedy: 'Pass the path or URL of a PNG, JPEG or WebP file.',
    data: { location: location.slice(0, 200) },
    cause,
  });
}

async function fetchBytes(url: string, signal: AbortSignal | undefined): Promise<Uint8Array> {
  const failed = (cause: unknown): never => {
    throwIfAborted(signal);
    return refuseFile(url, cause instanceof Error ? cause.message : 'a failure', cause);
  };
  const response = await fetch(url, signal === undefined ? {} : { signal }).catch(failed);
  if (!response.ok) refuseFile(url, `HTTP ${response.status} from ${new URL(url).origin}`);
  return new Uint8Array(await response.arrayBuffer().catch(failed));
}

async function readPath(location: string, signal: AbortSignal | undefined): Promise<Uint8Array> {
  const builtin = globalThis.process?.getBuiltinModule?.bind(globalThis.process);
  const [fs, url] = [builtin?.('node:fs/promises'), builtin?.('node:url')];
  if (fs === undefined || url === undefined) return refuseFile(location, 'a path, outside Node');
  const path = /^file:/i.test(location) ? url.fileURLToPath(location) : location;
  return fs.readFile(path, signal === undefined ? {} : { signal }).catch((cause: Error) => {
    throwIfAborted(signal);
    return refuseFile(location, cause.message, cause);
  });
}

function isDrawn(source: object): source is CanvasLike | BitmapLike {
  return 'getContext' in source || ('close' in source && 'width' in source);
}

/** Pixels of a canvas, or of what a canvas can draw. */
function readDrawn(source: CanvasLike | BitmapLike): RgbImage {
  const { width, height } = source;
  if (!(width > 0 && height > 0)) return requireRgbImage(WHERE, { data: new Uint8Array(), width, height });
  const own = 'getContext' in source ? (source.getContext('2d') as OffscreenCanvasRenderingContext2D | null) : null;
  if (own !== null) return { data: rgbOfRgba(own.getImageData(0, 0, width, height).data), width, height };
  return { data: readBitmap(source as ImageBitmap | HTMLCanvasElement), width, height };
}

/** Pixels that lie ready: RGB as they are, RGBA (`ImageData`) without their alpha. */
function readPixels({ data, width, height }: RgbImage): RgbImage {
  const hasAlpha = data.length === width * height * 4;
  if (!hasAlpha) return requireRgbImage(WHERE, { data, width, height });
  return requireRgbImage(WHERE, { data: rgbOfRgba(data), width, height });
}

/**
 * A picture from wherever it lies: a path, a URL, a Blob or File, the bytes of a file, `ImageData`, a canvas, an
 * `ImageBitmap`, or RGB pixels, which come back as they are. Files are decoded as `decodeImage` says; alpha is dropped.
 * @throws LatteFlowError `file-not-found`, `image-invalid`, `dependency-missing`, or `invalid-argument` for anything
 * else; the signal's reason on abort
 */
export async function loadImage(source: ImageSource, options: DecodeImageOptions = {}): Promise<RgbImage> {
  const { signal } = options;
  throwIfAborted(signal);
  if (typeof source === 'string' || source instanceof URL) {
    const location = String(source);
    const isRemote = /^(https?|data|blob):/i.test(location);
    const bytes = await (isRemote ? fetchBytes(location, signal) : readPath(location, signal));
    return decodeImage(bytes, { name: location, ...options });
  }
  if (source instanceof Blob) return decodeImage(new Uint8Array(await source.arrayBuffer()), options);
  if (source instanceof Uint8Array) return decodeImage(source, options);
  if (source instanceof ArrayBuffer) return decodeImage(new Uint8Array(source), options);
  if (typeof source === 'object' && source !== null) {
    if (isDrawn(source)) return readDrawn(source);
    if (ArrayBuffer.isView(source.data)) return readPixels(source);
  }
  return refuseArgument({
    where: WHERE,
    expected: 'a path, URL, Blob, bytes, ImageData, canvas or RGB image',
    got: describeValue(source),
    remedy: 'Pass the file of a picture, or its pixels.',
  });
}
