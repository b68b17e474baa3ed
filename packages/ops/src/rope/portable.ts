import { add, concat, expandDims, mul, neg, slice, tidy, type Tensor3D, type Tensor4D } from '@tensorflow/tfjs-core';

/** (a, b) -> (-b, a) over the halves of the last axis. */
export function rotateHalf(x: Tensor4D): Tensor4D {
  const [batch, heads, tokens, width] = x.shape;
  const half = width / 2;
  const size: [number, number, number, number] = [batch, heads, tokens, half];
  return concat([neg(slice(x, [0, 0, 0, half], size)), slice(x, [0, 0, 0, 0], size)], 3);
}

/** x [B, H, S, E], cos and sin [B, S, E] -> [B, H, S, E]. */
export function ropePortable(x: Tensor4D, cos: Tensor3D, sin: Tensor3D): Tensor4D {
  return tidy(() => add(mul(x, expandDims(cos, 1)), mul(rotateHalf(x), expandDims(sin, 1))));
}
