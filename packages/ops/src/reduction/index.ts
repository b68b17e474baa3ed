import type { Tensor, Tensor1D, Tensor2D, Tensor3D } from '@tensorflow/tfjs-core';

import { kernelOr } from '../kernel/selection.ts';
import { addSlabs } from './column-sums.ts';
import { sumRowsPortable, sumTokensPortable } from './portable.ts';

/** Sums over all axes but the last: [..., D] -> [D]. For gradients: has none of its own. */
export function sumRows(x: Tensor): Tensor1D {
  return kernelOr(
    [x],
    () => {
      const width = x.shape.at(-1)!;
      return addSlabs([x], { shape: [1, x.size / width, width], sumShape: [width] })[0] as Tensor1D;
    },
    () => sumRowsPortable(x),
  );
}

/** Sums over the tokens of each batch member: [B, N, D] -> [B, D]. For gradients: has none of its own. */
export function sumTokens(x: Tensor3D): Tensor2D {
  return kernelOr(
    [x],
    () => addSlabs([x], { shape: x.shape })[0] as Tensor2D,
    () => sumTokensPortable(x),
  );
}
