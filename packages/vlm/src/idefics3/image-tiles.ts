import { resizeImage } from '../image/resize.ts';
import { requireRgbImage, type RgbImage } from '../image/rgb-image.ts';
import type { TileProcessorConfig } from './tile-processor-config.ts';
import { imageSizes } from './tile-sizes.ts';

/** How an image was cut: rows and columns of tiles, which the whole image follows; 0 x 0 if it is one tile. */
export interface TileGrid {
  readonly rows: number;
  readonly columns: number;
}

function crop({ data, width }: RgbImage, { top, left, size }: { top: number; left: number; size: number }): RgbImage {
  const out = new Uint8Array(size * size * 3);
  for (let y = 0; y < size; y++) {
    const from = ((top + y) * width + left) * 3;
    out.set(data.subarray(from, from + size * 3), y * size * 3);
  }
  return { data: out, width: size, height: size };
}

/**
 * Resizes an image and cuts it into square tiles of `tileSize`, in raster order, with the whole image shrunk to one
 * more at the end; an image that fits in one tile, or `splitting: false`, gives that one alone. Every stage is resized
 * in bytes from the stage before it, as in `Idefics3ImageProcessor` of transformers with its Pillow backend, bit for bit.
 * @throws LatteFlowError `image-invalid`
 */
export function cutIntoTiles(
  image: RgbImage,
  config: TileProcessorConfig,
): { readonly tiles: readonly RgbImage[]; readonly grid: TileGrid } {
  const { tileSize: size, filter } = config;
  const stages = imageSizes(requireRgbImage('cutIntoTiles', image), config);
  const whole = stages.reduce<RgbImage>((stage, to) => resizeImage(stage, to, { filter }), image);
  if (whole.width <= size && whole.height <= size) return { tiles: [whole], grid: { rows: 0, columns: 0 } };
  const grid = { rows: whole.height / size, columns: whole.width / size };
  const tiles = Array.from({ length: grid.rows * grid.columns }, (_, i) =>
    crop(whole, { top: Math.floor(i / grid.columns) * size, left: (i % grid.columns) * size, size }),
  );
  return { tiles: [...tiles, resizeImage(whole, { width: size, height: size }, { filter })], grid };
}
