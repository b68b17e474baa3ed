import { LatteFlowError, refuseArgument, requireShape } from '@latte-flow/core';
import { largestTensorBytes } from '@latte-flow/runtime';
import type { Tensor } from '@tensorflow/tfjs-core';

import type { Codec } from './codec.ts';

/** Refuses NaN and infinities. Reads the tensor back. */
export async function requireFiniteValues(where: string, name: string, x: Tensor): Promise<void> {
  const values = await x.data();
  const index = values.findIndex((value) => !Number.isFinite(value));
  if (index < 0) return;
  refuseArgument({
    where,
    expected: `${name} of finite numbers`,
    got: `${values[index]} at index ${index}`,
    remedy: `Look where ${name} come from; a model that overflowed makes such values.`,
    data: { index },
  });
}

/** Refuses a picture whose sides are no multiples of the factor, and says which would do. */
export function requireDivisible(where: string, [height, width]: readonly [number, number], factor: number): void {
  if (height % factor === 0 && width % factor === 0 && height > 0 && width > 0) return;
  const near = (side: number): number => Math.max(factor, Math.round(side / factor) * factor);
  refuseArgument({
    where,
    expected: `sides that are multiples of ${factor} pixels`,
    got: `${width} x ${height}`,
    remedy: `Resize to ${near(width)} x ${near(height)}, or pass fit: 'pad'.`,
    data: { width, height, factor },
  });
}

/** The batch and the sides of pictures `[B, C, H, W]`. */
export function imageSizes(where: string, images: Tensor, { imageChannels }: Codec): [number, number, number] {
  requireShape(where, 'images', images.shape, ['B', imageChannels, 'H', 'W']);
  return [images.shape[0]!, images.shape[2]!, images.shape[3]!];
}

/** The batch and the sides of latents `[B, C, h, w]`; other channels mean another model. */
export function latentSizes(where: string, latents: Tensor, { latentChannels, name }: Codec): [number, number, number] {
  const [batch, channels, height, width] = latents.shape;
  if (latents.rank === 4 && channels !== latentChannels) {
    throw new LatteFlowError('shape-mismatch', {
      where,
      expected: `latents of ${latentChannels} channels, as this ${name} has them`,
      got: `[${latents.shape.join(', ')}]`,
      remedy: 'Decode latents with the autoencoder that made them.',
      data: { shape: latents.shape, latentChannels },
    });
  }
  requireShape(where, 'latents', latents.shape, ['B', latentChannels, 'h', 'w']);
  if (height! > 0 && width! > 0) return [batch!, height!, width!];
  return refuseArgument({
    where,
    expected: 'latents of at least one row and column',
    got: `[${latents.shape.join(', ')}]`,
    remedy: 'Pass latents of a picture.',
  });
}

/** Refuses pictures for which the device cannot hold the largest tensor in the model. */
export function requireDeviceFits(
  where: string,
  { batch, height, width }: { readonly batch: number; readonly height: number; readonly width: number },
  { valuesPerPixel, factor }: Codec,
): void {
  const limit = largestTensorBytes();
  const bytes = 4 * valuesPerPixel * batch * height * width;
  if (bytes <= limit) return;
  const side = Math.floor(Math.sqrt(limit / (4 * valuesPerPixel * batch)) / factor) * factor;
  throw new LatteFlowError('device-limit', {
    where,
    expected: `tensors of at most ${limit} bytes, the limit of this device`,
    got: `${batch} x ${width} x ${height} pixels, for which the model makes one of ${bytes} bytes`,
    remedy:
      side > 0
        ? `Pass tile: { size: ${Math.min(512, side)} } or less.`
        : 'Use fewer pictures at once, or another device.',
    data: { bytes, limit },
  });
}
