import type { Tensor } from '@tensorflow/tfjs-core';

/** Rounds float pixels in [-1, 1], channel first, to RGB bytes: `[3, H, W]` row-major -> `H * W * 3`. */
export function toRgbBytes(values: Float32Array, { width, height }: { width: number; height: number }): Uint8Array {
  const plane = width * height;
  const bytes = new Uint8Array(3 * plane);
  for (let channel = 0; channel < 3; channel++) {
    for (let i = 0; i < plane; i++) {
      const value = (values[channel * plane + i]! + 1) * 127.5;
      bytes[3 * i + channel] = Math.min(255, Math.max(0, Math.round(value)));
    }
  }
  return bytes;
}

/** The members of an image batch `[B, 3, H, W]`, borrowed, as RGB bytes. */
export async function imagesToRgb(images: Tensor): Promise<Uint8Array[]> {
  const [batch, , height, width] = images.shape as [number, number, number, number];
  const values = (await images.data()) as Float32Array;
  const size = values.length / batch;
  return Array.from({ length: batch }, (_, i) =>
    toRgbBytes(values.subarray(i * size, (i + 1) * size), { width, height }),
  );
}
