import { mul, type Scalar, type Tensor, type Tensor1D, type Tensor2D, type Tensor3D } from '@tensorflow/tfjs-core';

import { elementwise } from '../kernel/elementwise.ts';
import { kernelOr } from '../kernel/selection.ts';
import { withGradient } from '../with-gradient.ts';
import { addSlabs } from './column-sums.ts';
import { fullSum } from './full-sum.ts';
import { fullSumPortable, sumOfSquaresPortable, sumRowsPortable, sumTokensPortable } from './portable.ts';

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

/** factor * the sum of all elements. For gradients: has none of its own. */
export function sumAll(x: Tensor, factor = 1): Scalar {
  return kernelOr(
    [x],
    (features) => fullSum('value', [x], { ...features, factor }),
    () => fullSumPortable(x, factor),
  );
}

const doubled = elementwise({
  name: 'sumOfSquaresGradient',
  inputs: ['x'],
  scalars: ['dy'],
  outputs: { dx: '2.0 * dy * x' },
});

/**
 * The sum of the squares of all elements, in two stages where there are many: the square of a gradient's norm.
 *
 * @param x `[...]` float32, borrowed
 * @returns a scalar, owned by the caller
 */
export function sumOfSquares(x: Tensor): Scalar {
  return withGradient(
    [x],
    (x_) =>
      kernelOr(
        [x_],
        (features) => fullSum('square', [x_], features),
        () => sumOfSquaresPortable(x_),
      ),
    (dy, x_) => [
      kernelOr(
        [x_],
        () => doubled({ tensors: [x_, dy], shape: x_.shape })[0]!,
        () => mul(x_, mul(dy, 2)),
      ),
    ],
  );
}
