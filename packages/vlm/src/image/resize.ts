import { requireInteger } from '@latte-flow/core';

import { requireRgbImage, type RgbImage } from './rgb-image.ts';

/** Resampling filters of Pillow's `Image.resize`. */
export type ResizeFilter = 'bilinear' | 'bicubic' | 'lanczos';

interface Kernel {
  readonly support: number;
  readonly weight: (x: number) => number;
}

function sinc(x: number): number {
  return x === 0 ? 1 : Math.sin(Math.PI * x) / (Math.PI * x);
}

const CUBIC_A = -0.5;

const KERNELS: Readonly<Record<ResizeFilter, Kernel>> = {
  bilinear: { support: 1, weight: (x) => Math.max(0, 1 - Math.abs(x)) },
  bicubic: {
    support: 2,
    weight: (signed) => {
      const x = Math.abs(signed);
      if (x < 1) return ((CUBIC_A + 2) * x - (CUBIC_A + 3)) * x * x + 1;
      return x < 2 ? (((x - 5) * x + 8) * x - 4) * CUBIC_A : 0;
    },
  },
  lanczos: { support: 3, weight: (x) => (x >= -3 && x < 3 ? sinc(x) * sinc(x / 3) : 0) },
};

const FIXED_POINT = 2 ** 22;
const HALF = 2 ** 21;

/** The input samples that one output sample reads, and their fixed-point weights. */
interface Taps {
  readonly first: number;
  readonly weights: Float64Array;
}

function tapsOf(from: number, to: number, kernel: Kernel): Taps[] {
  const scale = from / to;
  const filterScale = Math.max(scale, 1);
  const support = kernel.support * filterScale;
  return Array.from({ length: to }, (_, i) => {
    const centre = (i + 0.5) * scale;
    const first = Math.max(Math.trunc(centre - support + 0.5), 0);
    const last = Math.min(Math.trunc(centre + support + 0.5), from);
    const weights = new Float64Array(last - first);
    for (let j = 0; j < weights.length; j++) weights[j] = kernel.weight((j + first - centre + 0.5) * (1 / filterScale));
    const sum = weights.reduce((total, weight) => total + weight, 0);
    const fixed = weights.map((weight) => {
      const scaled = (weight / sum) * FIXED_POINT;
      return Math.trunc(scaled + (scaled < 0 ? -0.5 : 0.5));
    });
    return { first, weights: fixed };
  });
}

/** Resamples one axis: the samples of a line lie `stride` apart, lines start at the offsets given. */
function resampleAxis(
  source: ArrayLike<number>,
  out: Uint8Array,
  lines: {
    readonly from: number;
    readonly to: number;
    readonly count: number;
    readonly horizontal: boolean;
    readonly width: number;
  },
  kernel: Kernel,
): void {
  const { from, to, count, horizontal, width } = lines;
  const taps = tapsOf(from, to, kernel);
  for (let line = 0; line < count; line++) {
    for (let i = 0; i < to; i++) {
      const { first, weights } = taps[i]!;
      const target = horizontal ? (line * to + i) * 3 : (i * width + line) * 3;
      const start = horizontal ? (line * from + first) * 3 : (first * width + line) * 3;
      const step = horizontal ? 3 : width * 3;
      for (let channel = 0; channel < 3; channel++) {
        let sum = HALF;
        for (let j = 0, at = start + channel; j < weights.length; j++, at += step) sum += source[at]! * weights[j]!;
        out[target + channel] = Math.min(255, Math.max(0, Math.floor(sum / FIXED_POINT)));
      }
    }
  }
}

/**
 * Resizes as Pillow 12 does for 8-bit images, bit for bit: a horizontal pass, then a vertical one, each in 22-bit
 * fixed point with its result clamped to uint8; a pass whose size does not change is skipped. The filter widens when
 * shrinking (antialiasing). Returns a new image, or the one given where no size changes.
 * @throws LatteFlowError `image-invalid`, or `invalid-argument` for a size < 1
 */
export function resizeImage(
  image: RgbImage,
  size: { readonly width: number; readonly height: number },
  options: { readonly filter?: ResizeFilter } = {},
): RgbImage {
  requireRgbImage('resizeImage', image);
  const width = requireInteger('resizeImage', 'width', size.width, { min: 1 });
  const height = requireInteger('resizeImage', 'height', size.height, { min: 1 });
  const kernel = KERNELS[options.filter ?? 'bicubic'];
  let { data } = image;
  if (width !== image.width) {
    const out = new Uint8Array(width * image.height * 3);
    resampleAxis(data, out, { from: image.width, to: width, count: image.height, horizontal: true, width }, kernel);
    data = out;
  }
  if (height !== image.height) {
    const out = new Uint8Array(width * height * 3);
    resampleAxis(data, out, { from: image.height, to: height, count: width, horizontal: false, width }, kernel);
    data = out;
  }
  return data === image.data ? image : { data, width, height };
}
