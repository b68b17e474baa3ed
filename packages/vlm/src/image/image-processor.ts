import type { ImageProcessorConfig } from './image-processor-config.ts';
import { patchifyImage, type PatchGrid } from './patchify.ts';
import { resizeImage } from './resize.ts';
import type { RgbImage } from './rgb-image.ts';
import { smartResize } from './smart-resize.ts';

/** Images as the vision tower takes them. */
export interface ProcessedImages {
  /** float32 `[sum of frames * rows * columns, patch values]`, row-major, image after image. */
  readonly patches: Float32Array;
  readonly grids: readonly PatchGrid[];
}

/** Resizes an image to the size at which the model sees it; the image itself where `resize` is off or nothing changes. */
export function resizeForModel(image: RgbImage, config: ImageProcessorConfig): RgbImage {
  if (!config.resize) return image;
  const { patchSize, mergeSize, minPixels, maxPixels, filter } = config;
  return resizeImage(image, smartResize(image, { factor: patchSize * mergeSize, minPixels, maxPixels }), { filter });
}

/**
 * Resizes, rescales, normalises and patchifies images exactly as `Qwen2VLImageProcessor` of transformers with its
 * Pillow backend: resized bytes are equal, pixel values agree to 1e-6.
 * @throws LatteFlowError `image-invalid` for wrong data or an extreme aspect
 */
export function processImages(images: readonly RgbImage[], config: ImageProcessorConfig): ProcessedImages {
  const processed = images.map((image) => patchifyImage(resizeForModel(image, config), config));
  const patches = new Float32Array(processed.reduce((total, { patches: { length } }) => total + length, 0));
  let at = 0;
  for (const each of processed) {
    patches.set(each.patches, at);
    at += each.patches.length;
  }
  return { patches, grids: processed.map(({ grid }) => grid) };
}
