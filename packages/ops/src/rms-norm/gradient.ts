import { mean, mul, sub, type Tensor } from '@tensorflow/tfjs-core';

import { kernelOr } from '../kernel/selection.ts';
import { normBackward } from '../norm-rows/backward.ts';
import { sumRows } from '../reduction/index.ts';
import { inverseRms } from './portable.ts';

/** dy, x [..., D], weight [D] -> [dx, dweight]. With n = x r: dx = r (g - n mean(g n)), g = dy weight. */
export function rmsNormGradient(dy: Tensor, x: Tensor, weight: Tensor, eps: number): [Tensor, Tensor] {
  return kernelOr(
    [x],
    (features) => {
      const [dx, dweight] = normBackward('rms', [dy, x, weight], { eps, ...features, sumShape: weight.shape });
      return [dx!, dweight!];
    },
    () => rmsNormGradientPortable(dy, x, weight, eps),
  );
}

export function rmsNormGradientPortable(dy: Tensor, x: Tensor, weight: Tensor, eps: number): [Tensor, Tensor] {
  const scale = inverseRms(x, eps); // [..., 1]
  const normalised = mul(x, scale);
  const inner = mul(dy, weight);
  const projection = mean(mul(inner, normalised), -1, true); // [..., 1]
  const dx = mul(sub(inner, mul(normalised, projection)), scale);
  return [dx, sumRows(mul(dy, normalised))];
}
