import { patchCount, normalisedBytes, type PatchGrid } from '../image/patchify.ts';
import type { ProcessedImages } from '../image/image-processor.ts';
import type { RgbImage } from '../image/rgb-image.ts';
import { cutIntoTiles } from './image-tiles.ts';
import { patchesPerEdge, patchifyTiles } from './tile-patches.ts';
import type { TileProcessorConfig } from './tile-processor-config.ts';

/**
 * Rescales and normalises tiles, all of one size: float32 `[tiles, 3, height, width]`, the reference's `pixel_values`,
 * with which it agrees to 1e-6.
 */
export function tilePixels(tiles: readonly RgbImage[], config: TileProcessorConfig): Float32Array {
  const area = config.tileSize ** 2;
  const values = normalisedBytes(config);
  const pixels = new Float32Array(tiles.length * 3 * area);
  let at = 0;
  for (const { data } of tiles) {
    for (let channel = 0; channel < 3; channel++) {
      for (let i = channel; i < 3 * area; i += 3) pixels[at++] = values[channel * 256 + data[i]!]!;
    }
  }
  return pixels;
}

/**
 * Resizes, cuts, rescales and normalises images exactly as `Idefics3ImageProcessor` of transformers with its Pillow
 * backend, and cuts the tiles into patches. Each tile is a frame of its image's grid.
 * @throws LatteFlowError `image-invalid` for data that are no image
 */
export function processTiledImages(images: readonly RgbImage[], config: TileProcessorConfig): ProcessedImages {
  const { patchSize, tileSize } = config;
  const edge = patchesPerEdge({ patchSize }, tileSize);
  const cut = images.map((image) => cutIntoTiles(image, config));
  const grids = cut.map(({ tiles, grid }): PatchGrid => ({
    frames: tiles.length,
    rows: edge,
    columns: edge,
    tiles: grid,
  }));
  const values = 3 * patchSize ** 2;
  const patches = new Float32Array(grids.reduce((total, grid) => total + patchCount(grid) * values, 0));
  let at = 0;
  for (const { tiles } of cut) {
    const rows = patchifyTiles(tilePixels(tiles, config), { inChannels: 3, patchSize, tileSize });
    patches.set(rows, at);
    at += rows.length;
  }
  return { patches, grids };
}
