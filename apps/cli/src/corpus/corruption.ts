import { requireFinite, requireInteger, requireShape } from '@latte-flow/core';

import { corruptionNormals, type Draw } from './draw.ts';
import { SCENE_SIZE } from './layout.ts';

export interface Corruption {
  /** Standard deviation of the noise added, in units of [-1, 1] images. Default 0. */
  readonly noise?: number;
  /** Radius of a box blur in pixels: a square of side 2 radius + 1 is averaged. Default 0. */
  readonly blurRadius?: number;
}

/** Averages each pixel with its neighbours within `radius` along one axis; edges repeat. */
function blurAxis(image: Float32Array, radius: number, horizontal: boolean): Float32Array {
  const out = new Float32Array(image.length);
  const step = horizontal ? 1 : SCENE_SIZE;
  for (let i = 0; i < image.length; i++) {
    const place = Math.floor(i / step) % SCENE_SIZE;
    const start = i - place * step;
    let sum = 0;
    for (let offset = -radius; offset <= radius; offset++) {
      const neighbour = Math.min(SCENE_SIZE - 1, Math.max(0, place + offset));
      sum += image[start + neighbour * step]!;
    }
    out[i] = sum / (2 * radius + 1);
  }
  return out;
}

/**
 * A blurred, then noisy copy of a scene's picture `[3, 64, 64]`, clipped to [-1, 1]: what an understanding model
 * should still recognise. A pure function of the picture, seed and index.
 * @throws LatteFlowError `invalid-argument`, `shape-mismatch`
 */
export function corruptImage(image: Float32Array, options: Corruption & Draw): Float32Array {
  const { noise = 0, blurRadius = 0, seed, index } = options;
  requireFinite('corruptImage', 'noise', noise, { min: 0 });
  requireInteger('corruptImage', 'blurRadius', blurRadius, { min: 0, max: SCENE_SIZE });
  requireShape('corruptImage', 'image', [image.length], [3 * SCENE_SIZE * SCENE_SIZE]);
  const blurred = blurRadius === 0 ? image : blurAxis(blurAxis(image, blurRadius, true), blurRadius, false);
  if (noise === 0) return Float32Array.from(blurred);
  const normals = corruptionNormals({ seed, index }, image.length);
  return blurred.map((value, i) => Math.min(1, Math.max(-1, value + noise * normals[i]!)));
}
