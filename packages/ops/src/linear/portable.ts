import { add, matMul, tidy, type Tensor1D, type Tensor2D } from '@tensorflow/tfjs-core';

/**
 * x [M, I], weight [O, I], bias [O] -> [M, O]. Not `fused.matMul`: TensorFlow.js' WASM kernel adds a wrong bias where the
 * weight is transposed.
 */
export function linearPortable(x: Tensor2D, weight: Tensor2D, bias: Tensor1D | undefined): Tensor2D {
  return tidy(() => {
    const product: Tensor2D = matMul(x, weight, false, true);
    return bias === undefined ? product : add<Tensor2D>(product, bias);
  });
}
