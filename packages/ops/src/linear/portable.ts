import { add, tidy, type Tensor1D, type Tensor2D } from '@tensorflow/tfjs-core';

import { product } from '../product/index.ts';

/**
 * x [M, I], weight [O, I], bias [O] -> [M, O]. Not `fused.matMul`: TensorFlow.js' WASM kernel adds a wrong bias where the
 * weight is transposed.
 */
export function linearPortable(x: Tensor2D, weight: Tensor2D, bias: Tensor1D | undefined): Tensor2D {
  return tidy(() => {
    const y = product(x, weight, { transposeB: true });
    return bias === undefined ? y : add<Tensor2D>(y, bias);
  });
}
