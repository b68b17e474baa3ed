import { fill, mul, reshape, sum, tidy, type Tensor } from '@tensorflow/tfjs-core';

/** [..., C g] -> [..., C]: sums of groups of consecutive channels, times `factor`. */
export function sumPortable(x: Tensor, group: number, factor: number): Tensor {
  const channels = x.shape.at(-1)! / group;
  return tidy(() =>
    reshape(mul(sum(reshape(x, [x.size / group, group]), 1), factor), [...x.shape.slice(0, -1), channels]),
  );
}

/** [..., C] -> [..., C g]: each channel `group` times side by side, times `factor`. */
export function repeatPortable(x: Tensor, group: number, factor: number): Tensor {
  const channels = x.shape.at(-1)! * group;
  return tidy(() => reshape(mul(reshape(x, [x.size, 1]), fill([group], factor)), [...x.shape.slice(0, -1), channels]));
}
