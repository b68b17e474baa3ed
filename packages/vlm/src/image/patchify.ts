import { LatteFlowError } from '@latte-flow/core';

import type { ImageProcessorConfig } from './image-processor-config.ts';
import { requireRgbImage, type RgbImage } from './rgb-image.ts';

/** Frames, rows and columns of patches of one image; Qwen2-VL's `image_grid_thw`. */
export interface PatchGrid {
  readonly frames: number;
  readonly rows: number;
  readonly columns: number;
  /** How the picture was cut, where it was: each tile is a frame, and one of the whole picture comes last. */
  readonly tiles?: { readonly rows: number; readonly columns: number };
}

/** Number of patches of a grid. */
export function patchCount({ frames, rows, columns }: PatchGrid): number {
  return frames * rows * columns;
}

/** Number of tokens that a grid becomes in the language model: a token for `mergeSize` x `mergeSize` patches. */
export function imageTokenCount(grid: PatchGrid, mergeSize: number): number {
  return patchCount(grid) / mergeSize ** 2;
}

/** How bytes become pixel values; part of every image processor. */
export interface PixelNormalisation {
  /** Factor applied to bytes first; 1 where rescaling is off. */
  readonly rescaleFactor: number;
  /** Per channel; zeros and ones where normalisation is off. */
  readonly mean: readonly number[];
  readonly std: readonly number[];
}

/** The value of each byte after rescaling and normalising, a channel of 256 after the other; float32 as the reference. */
export function normalisedBytes({ rescaleFactor, mean, std }: PixelNormalisation): Float32Array {
  const table = new Float32Array(3 * 256);
  for (let channel = 0; channel < 3; channel++) {
    const centre = Math.fround(mean[channel]!);
    const spread = Math.fround(std[channel]!);
    for (let byte = 0; byte < 256; byte++) {
      table[channel * 256 + byte] = Math.fround(Math.fround(byte * rescaleFactor) - centre) / spread;
    }
  }
  return table;
}

/**
 * Normalises an image and cuts it into patches, one a row of `inChannels * temporalPatchSize * patchSize²` values in
 * the order channel, frame, row, column. Patches go block by block: the `mergeSize` x `mergeSize` patches that become
 * one token are neighbours. The one frame is repeated to fill `temporalPatchSize`.
 * @throws LatteFlowError `image-invalid` if a side is not a multiple of patchSize * mergeSize
 */
export function patchifyImage(
  image: RgbImage,
  config: ImageProcessorConfig,
): { patches: Float32Array; grid: PatchGrid } {
  const { data, width, height } = requireRgbImage('patchifyImage', image);
  const { patchSize, mergeSize, temporalPatchSize } = config;
  const block = patchSize * mergeSize;
  if (width % block !== 0 || height % block !== 0) {
    throw new LatteFlowError('image-invalid', {
      where: 'patchifyImage',
      expected: `sides that are multiples of ${block}`,
      got: `${width} x ${height}`,
      remedy: 'Resize the image with smartResize first.',
      data: { width, height, block },
    });
  }
  const grid = { frames: 1, rows: height / patchSize, columns: width / patchSize };
  const bytes = normalisedBytes(config);
  const patches = new Float32Array(patchCount(grid) * 3 * temporalPatchSize * patchSize ** 2);
  let at = 0;
  for (let blockRow = 0; blockRow < height; blockRow += block) {
    for (let blockColumn = 0; blockColumn < width; blockColumn += block) {
      for (let top = blockRow; top < blockRow + block; top += patchSize) {
        for (let left = blockColumn; left < blockColumn + block; left += patchSize) {
          for (let channel = 0; channel < 3; channel++) {
            const first = at;
            for (let y = top; y < top + patchSize; y++) {
              for (let x = left; x < left + patchSize; x++) {
                patches[at++] = bytes[channel * 256 + data[(y * width + x) * 3 + channel]!]!;
              }
            }
            const frame = at - first;
            for (let copy = 1; copy < temporalPatchSize; copy++, at += frame)
              patches.copyWithin(at, first, first + frame);
          }
        }
      }
    }
  }
  return { patches, grid };
}
