import { mean, mul, ones, reshape, tidy, type Tensor, type Tensor4D } from '@tensorflow/tfjs-core';

/** Means of groups of consecutive channels: `[B, H, W, C]` -> `[B, H, W, channels]`. Owned by the caller. */
export function averageChannels(x: Tensor, channels: number): Tensor4D {
  const [batch, height, width, all] = x.shape as [number, number, number, number];
  if (all === channels) return x.clone() as Tensor4D;
  return tidy(() => {
    const groups = reshape(x, [batch * height * width, channels, all / channels]);
    return reshape(mean(groups, 2), [batch, height, width, channels]);
  });
}

/** Each channel several times over, side by side: `[B, H, W, C]` -> `[B, H, W, channels]`. Owned by the caller. */
export function repeatChannels(x: Tensor, channels: number): Tensor4D {
  const [batch, height, width, few] = x.shape as [number, number, number, number];
  if (few === channels) return x.clone() as Tensor4D;
  return tidy(() => {
    const single = reshape(x, [batch * height * width, few, 1]);
    return reshape(mul(single, ones([channels / few])), [batch, height, width, channels]);
  });
}
