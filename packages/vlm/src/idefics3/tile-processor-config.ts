import { JsonFields, type JsonObject } from '../config/json-fields.ts';
import { FILTERS } from '../image/image-processor-config.ts';
import type { PixelNormalisation } from '../image/patchify.ts';
import type { ResizeFilter } from '../image/resize.ts';
import type { Idefics3VisionConfig } from './idefics3-config.ts';

/** What `preprocessor_config.json` of an Idefics3 or SmolVLM checkpoint says. */
export interface TileProcessorConfig extends PixelNormalisation {
  /** Whether images are scaled to `longestEdge` first. */
  readonly resize: boolean;
  readonly longestEdge: number;
  /** Whether an image larger than a tile is cut into tiles, with the whole image as one more. */
  readonly splitting: boolean;
  /** Edge of a tile in pixels; `max_image_size.longest_edge`. */
  readonly tileSize: number;
  readonly filter: ResizeFilter;
  /** Edge of the patches that tiles are cut into. */
  readonly patchSize: number;
}

const HALVES = [0.5, 0.5, 0.5];

/**
 * Reads `preprocessor_config.json`. Absent fields take the defaults of `Idefics3ImageProcessor`, but a tile is by
 * default of the size that the vision tower was made for.
 * @throws LatteFlowError `checkpoint-invalid`, naming the field
 */
export function parseTileProcessorConfig(
  json: JsonObject,
  { imageSize, patchSize }: Pick<Idefics3VisionConfig, 'imageSize' | 'patchSize'>,
): TileProcessorConfig {
  const where = 'parseTileProcessorConfig';
  const fields = new JsonFields(where, [json]);
  const edge = (name: string, fallback: number): number =>
    new JsonFields(where, [fields.object([name])]).integer(['longest_edge'], { fallback });
  const filter = FILTERS[fields.integer(['resample'], { min: 0, fallback: 1 })];
  const normalise = fields.boolean(['do_normalize'], true);
  const std = fields.numbers(['image_std'], { length: 3, fallback: HALVES });
  if (std.some((value) => value <= 0)) fields.refuse('image_std to be above 0', std.join(', '));
  return {
    resize: fields.boolean(['do_resize'], true),
    longestEdge: edge('size', 4 * 364),
    splitting: fields.boolean(['do_image_splitting'], true),
    patchSize,
    tileSize: edge('max_image_size', imageSize),
    filter: filter ?? fields.refuse('resample to be 1, 2 or 3', String(json['resample'])),
    rescaleFactor: fields.boolean(['do_rescale'], true) ? fields.positive(['rescale_factor'], 1 / 255) : 1,
    mean: normalise ? fields.numbers(['image_mean'], { length: 3, fallback: HALVES }) : [0, 0, 0],
    std: normalise ? std : [1, 1, 1],
  };
}
