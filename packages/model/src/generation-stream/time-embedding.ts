import { linear, silu } from '@latte-flow/ops';
import type { ParameterScope } from '@latte-flow/runtime';
import { tensor2d, tidy, type Tensor, type Tensor2D } from '@tensorflow/tfjs-core';

const TIME_SCALE = 1000;
const MAX_PERIOD = 10_000;

/**
 * Sinusoid of 1000 t, cosines first, then sines: `[B, F]`, computed in float64 on the host. Owned by the caller.
 * @see `TimeEmbedding` of the reference
 */
export function timeFeatures(times: ArrayLike<number>, frequencyDim: number): Tensor2D {
  const half = frequencyDim / 2;
  const frequencies = Float64Array.from({ length: half }, (_, i) => Math.exp((-Math.log(MAX_PERIOD) * i) / half));
  const values = new Float32Array(times.length * frequencyDim);
  for (let b = 0; b < times.length; b++) {
    for (let i = 0; i < half; i++) {
      const angle = TIME_SCALE * times[b]! * frequencies[i]!;
      values[b * frequencyDim + i] = Math.cos(angle);
      values[b * frequencyDim + half + i] = Math.sin(angle);
    }
  }
  return tensor2d(values, [times.length, frequencyDim]);
}

/** The time embedding c, `[B, D]`: linear, silu, linear of the features `[B, F]`, which are borrowed. Owned by the caller. */
export function timeEmbedding(features: Tensor, parameters: ParameterScope): Tensor {
  return tidy(() => {
    const hidden = silu(linear(features, parameters.weight('fc1.weight'), parameters.get('fc1.bias')));
    return linear(hidden, parameters.weight('fc2.weight'), parameters.get('fc2.bias'));
  });
}
