import { add, div, mul, sub, sum, type Tensor } from '@tensorflow/tfjs-core';

import { kernelOr } from '../kernel/selection.ts';
import { normBackward } from '../norm-rows/backward.ts';
import { sumRows } from '../reduction/index.ts';
import { standardise } from './portable.ts';

/** dy, x [..., D], weight [D] -> [dx, dweight, dbias]. */
export function layerNormGradient(dy: Tensor, x: Tensor, weight: Tensor, eps: number): readonly Tensor[] {
  return kernelOr(
    [x],
    (features) => normBackward('layer', [dy, x, weight], { eps, ...features, sumShape: weight.shape }),
    () => layerNormGradientPortable(dy, x, weight, eps),
  );
}

/** With g = dy weight: dx = (g - mean(g) - n mean(g n)) / deviation. */
function layerNormGradientPortable(dy: Tensor, x: Tensor, weight: Tensor, eps: number): [Tensor, Tensor, Tensor] {
  const width = x.shape.at(-1)!;
  const [normalised, inverseDeviation] = standardise(x, eps);
  const inner = mul(dy, weight);
  const mean = div(sum(inner, -1, true), width); // [..., 1]
  const projection = div(sum(mul(inner, normalised), -1, true), width); // [..., 1]
  const dx = mul(sub(inner, add(mul(normalised, projection), mean)), inverseDeviation);
  return [dx, sumRows(mul(dy, normalised)), sumRows(dy)];
}
