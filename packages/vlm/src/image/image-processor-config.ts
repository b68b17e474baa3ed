import { JsonFields, type JsonObject } from '../config/json-fields.ts';
import type { PixelNormalisation } from './patchify.ts';
import type { ResizeFilter } from './resize.ts';

/** What `preprocessor_config.json` of a Qwen2-VL checkpoint says. */
export interface ImageProcessorConfig extends PixelNormalisation {
  readonly patchSize: number;
  readonly temporalPatchSize: number;
  readonly mergeSize: number;
  readonly minPixels: number;
  readonly maxPixels: number;
  readonly resize: boolean;
  readonly filter: ResizeFilter;
}

/** Pillow's numbers of the filters. */
export const FILTERS: Readonly<Record<string, ResizeFilter>> = { 1: 'lanczos', 2: 'bilinear', 3: 'bicubic' };
const CLIP_MEAN = [0.48145466, 0.4578275, 0.40821073];
const CLIP_STD = [0.26862954, 0.26130258, 0.27577711];

/**
 * Reads `preprocessor_config.json`: `min_pixels` and `max_pixels` as on the Hub, or `size.shortest_edge` and
 * `size.longest_edge` as transformers 5 writes them. Absent fields take the defaults of `Qwen2VLImageProcessor`.
 * @throws LatteFlowError `checkpoint-invalid`, naming the field
 */
export function parseImageProcessorConfig(json: JsonObject): ImageProcessorConfig {
  const where = 'parseImageProcessorConfig';
  const fields = new JsonFields(where, [json]);
  const size = new JsonFields(where, [json, fields.object(['size'])]);
  const filter = FILTERS[fields.integer(['resample'], { min: 0, fallback: 3 })];
  const normalise = fields.boolean(['do_normalize'], true);
  const std = fields.numbers(['image_std'], { length: 3, fallback: CLIP_STD });
  if (std.some((value) => value <= 0)) fields.refuse('image_std to be above 0', std.join(', '));
  const minPixels = size.integer(['min_pixels', 'shortest_edge'], { fallback: 3136 });
  const maxPixels = size.integer(['max_pixels', 'longest_edge'], { fallback: 1003520 });
  if (minPixels > maxPixels) fields.refuse('min_pixels <= max_pixels', `${minPixels} and ${maxPixels}`);
  return {
    patchSize: fields.integer(['patch_size'], { fallback: 14 }),
    temporalPatchSize: fields.integer(['temporal_patch_size'], { fallback: 2 }),
    mergeSize: fields.integer(['merge_size'], { fallback: 2 }),
    minPixels,
    maxPixels,
    resize: fields.boolean(['do_resize'], true),
    filter: filter ?? fields.refuse('resample to be 1, 2 or 3', String(json['resample'])),
    rescaleFactor: fields.boolean(['do_rescale'], true) ? fields.positive(['rescale_factor'], 1 / 255) : 1,
    mean: normalise ? fields.numbers(['image_mean'], { length: 3, fallback: CLIP_MEAN }) : [0, 0, 0],
    std: normalise ? std : [1, 1, 1],
  };
}

/** The `preprocessor_config.json` of a configuration, in the Hub's spelling. */
export function imageProcessorConfigToJson(config: ImageProcessorConfig): JsonObject {
  const resample = Object.entries(FILTERS).find(([, filter]) => filter === config.filter)![0];
  return {
    image_processor_type: 'Qwen2VLImageProcessor',
    patch_size: config.patchSize,
    temporal_patch_size: config.temporalPatchSize,
    merge_size: config.mergeSize,
    min_pixels: config.minPixels,
    max_pixels: config.maxPixels,
    do_resize: config.resize,
    resample: Number(resample),
    do_rescale: true,
    rescale_factor: config.rescaleFactor,
    do_normalize: true,
    image_mean: config.mean,
    image_std: config.std,
    do_convert_rgb: true,
  };
}
