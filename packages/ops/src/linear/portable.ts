import { fused, matMul, tidy, type Tensor1D, type Tensor2D } from '@tensorflow/tfjs-core';

/** x [M, I], weight [O, I], bias [O] -> [M, O]. */
export function linearPortable(x: Tensor2D, weight: Tensor2D, bias: Tensor1D | undefined): Tensor2D {
  return tidy(() =>
    bias === undefined
      ? matMul(x, weight, false, true)
      : (fused.matMul({ a: x, b: weight, transposeB: true, bias }) as Tensor2D),
  );
}
