import { LatteFlowError, requireInteger } from '@latte-flow/core';

const MAX_ASPECT = 200;

/** Rounds to the nearest integer, ties to the even one, as Python's `round`. */
function roundHalfEven(x: number): number {
  const down = Math.floor(x);
  const rest = x - down;
  if (rest !== 0.5) return rest < 0.5 ? down : down + 1;
  return down % 2 === 0 ? down : down + 1;
}

export interface SmartResizeLimits {
  /** Both sides become multiples of this: patch size times merge size. */
  readonly factor: number;
  readonly minPixels: number;
  readonly maxPixels: number;
}

/**
 * The size at which Qwen2-VL sees an image: both sides multiples of `factor`, the area within the limits, the aspect
 * kept as nearly as that allows. Equals `smart_resize` of transformers, half-to-even rounding included; like there, a
 * side clamped to `factor` may leave the area above `maxPixels`.
 * @throws LatteFlowError `image-invalid` for an aspect ratio above 200
 */
export function smartResize(
  size: { readonly width: number; readonly height: number },
  { factor, minPixels, maxPixels }: SmartResizeLimits,
): { width: number; height: number } {
  const width = requireInteger('smartResize', 'width', size.width, { min: 1 });
  const height = requireInteger('smartResize', 'height', size.height, { min: 1 });
  if (Math.max(width, height) / Math.min(width, height) > MAX_ASPECT) {
    throw new LatteFlowError('image-invalid', {
      where: 'smartResize',
      expected: `an aspect ratio of at most ${MAX_ASPECT}`,
      got: `${width} x ${height}`,
      remedy: 'Crop the image to a less extreme shape.',
      data: { width, height },
    });
  }
  const rounded = { width: roundHalfEven(width / factor) * factor, height: roundHalfEven(height / factor) * factor };
  const area = rounded.width * rounded.height;
  if (area > maxPixels) {
    const shrink = Math.sqrt((height * width) / maxPixels);
    const fit = (side: number): number => Math.max(factor, Math.floor(side / shrink / factor) * factor);
    return { width: fit(width), height: fit(height) };
  }
  if (area < minPixels) {
    const grow = Math.sqrt(minPixels / (height * width));
    const fill = (side: number): number => Math.ceil((side * grow) / factor) * factor;
    return { width: fill(width), height: fill(height) };
  }
  return rounded;
}
