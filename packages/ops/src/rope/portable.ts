import {
  add,
  expandDims,
  mul,
  reshape,
  reverse,
  tensor1d,
  tidy,
  type Tensor1D,
  type Tensor3D,
  type Tensor4D,
} from '@tensorflow/tfjs-core';

/** -1 for the first half of the channels, 1 for the second. */
function halfSigns(width: number): Tensor1D {
  return tensor1d(Float32Array.from({ length: width }, (_, i) => (i < width / 2 ? -1 : 1)));
}

/** (a, b) -> (b, a) over the halves of the last axis. */
function swapHalves(x: Tensor4D): Tensor4D {
  const width = x.shape[3];
  return reshape(reverse(reshape(x, [x.size / width, 2, width / 2]), 1), x.shape);
}

/**
 * x [B, H, S, E], cos and sin [B, S, E] -> [B, H, S, E]. rotate_half(x) sin = swapHalves(x) (signs sin): the signs go to
 * the smaller tensor.
 */
export function ropePortable(x: Tensor4D, cos: Tensor3D, sin: Tensor3D): Tensor4D {
  return tidy(() => {
    const signed: Tensor3D = mul(sin, halfSigns(x.shape[3]));
    return add<Tensor4D>(mul(x, expandDims(cos, 1)), mul(swapHalves(x), expandDims(signed, 1)));
  });
}
