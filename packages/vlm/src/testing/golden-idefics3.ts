import type { ModelInputs } from '../forward/model-inputs.ts';
import { cutIntoTiles, type TileGrid } from '../idefics3/image-tiles.ts';
import { patchesPerEdge, patchifyTiles } from '../idefics3/tile-patches.ts';
import { withoutEmptyTiles } from '../idefics3/tile-padding.ts';
import { tilePixels } from '../idefics3/tile-pixels.ts';
import type { TileProcessorConfig } from '../idefics3/tile-processor-config.ts';
import { GoldenVlm } from './golden-vlm.ts';

interface TileCase {
  readonly rows?: readonly number[];
  readonly cols?: readonly number[];
  readonly stage_sizes_hw?: readonly (readonly (readonly [number, number])[])[];
}

/** An Idefics3 fixture: the numbers of the reference by name. */
export class GoldenIdefics3 extends GoldenVlm {
  #case(name: string): TileCase {
    return this.golden.cases[name] as TileCase;
  }

  /** How each image of a case was cut. */
  tileGrids(name: string): TileGrid[] {
    const { rows = [], cols = [] } = this.#case(name);
    return rows.map((count, i) => ({ rows: count, columns: cols[i]! }));
  }

  /** The processor of a case, and which of the fixture's images went through it. */
  imagesOf(name: string, processor: TileProcessorConfig): { indices: number[]; processor: TileProcessorConfig } {
    const grids = this.tileGrids(name);
    const own = { ...processor, splitting: grids.some(({ rows }) => rows > 0) };
    const all = Object.keys(this.golden.images).map((_, i) => i);
    const cut = all.map((i) => cutIntoTiles(this.image(i), own).grid);
    const indices = grids.map((grid) =>
      all.find((i) => cut[i]!.rows === grid.rows && cut[i]!.columns === grid.columns)!,
    );
    return { indices, processor: own };
  }

  /** The model inputs of a case, with the reference's pixel values or, where it left those out, its tiles. */
  tileInputs(name: string, processor: TileProcessorConfig): ModelInputs {
    const { patchSize, tileSize } = processor;
    const [batch, length] = this.view(`${name}.input_ids`).shape as [number, number];
    const ids = Int32Array.from(this.integers(`${name}.input_ids`));
    const mask = this.has(`${name}.attention_mask`)
      ? Uint8Array.from(this.integers(`${name}.attention_mask`))
      : new Uint8Array(ids.length).fill(1);
    const pixels = this.#pixels(name, processor);
    if (pixels === undefined) return { ids, mask, batch, length, grids: [] };
    const edge = patchesPerEdge({ patchSize }, tileSize);
    const grids = [{ frames: pixels.length / (3 * tileSize ** 2), rows: edge, columns: edge }];
    return { ids, mask, batch, length, grids, patches: patchifyTiles(pixels, { inChannels: 3, patchSize, tileSize }) };
  }

  #pixels(name: string, processor: TileProcessorConfig): Float32Array | undefined {
    const size = processor.tileSize;
    if (this.has(`${name}.pixel_values`)) return withoutEmptyTiles(this.floats(`${name}.pixel_values`), 3 * size ** 2);
    if (!this.has(`${name}.tiles_u8`)) return undefined;
    const bytes = Uint8Array.from(this.integers(`${name}.tiles_u8`));
    const area = 3 * size ** 2;
    const tiles = Array.from({ length: bytes.length / area }, (_, i) => ({
      data: bytes.subarray(i * area, (i + 1) * area),
      width: size,
      height: size,
    }));
    return tilePixels(tiles, processor);
  }
}
