import { reshape, tidy, transpose, type Tensor, type Tensor4D } from '@tensorflow/tfjs-core';

/**
 * Squares of 2 x 2 pixels become channels: `[B, 2h, 2w, C]` -> `[B, h, w, 4 C]`, channel 4 c + 2 dy + dx. Owned by the
 * caller.
 * @see `torch.nn.functional.pixel_unshuffle`, over channels that come last
 */
export function pixelUnshuffle(x: Tensor): Tensor4D {
  const [batch, height, width, channels] = x.shape as [number, number, number, number];
  return tidy(() => {
    const squares = reshape(x, [(batch * height) / 2, 2, width / 2, 2, channels]); // [B h, dy, w, dx, C]
    return reshape(transpose(squares, [0, 2, 4, 1, 3]), [batch, height / 2, width / 2, 4 * channels]);
  });
}

/**
 * Channels become squares of 2 x 2 pixels: `[B, h, w, 4 C]` -> `[B, 2h, 2w, C]`. Owned by the caller.
 * @see `torch.nn.functional.pixel_shuffle`, over channels that come last
 */
export function pixelShuffle(x: Tensor): Tensor4D {
  const [batch, height, width, channels] = x.shape as [number, number, number, number];
  return tidy(() => {
    const squares = reshape(x, [batch * height, width, channels / 4, 2, 2]); // [B h, w, C, dy, dx]
    return reshape(transpose(squares, [0, 3, 1, 4, 2]), [batch, 2 * height, 2 * width, channels / 4]);
  });
}
