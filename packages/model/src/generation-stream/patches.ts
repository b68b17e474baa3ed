import { reshape, tidy, transpose, type Tensor, type Tensor3D, type Tensor4D } from '@tensorflow/tfjs-core';

/**
 * Cuts latents into patches in raster order; a patch is flattened channel first, then row, then column.
 * [B, C, S, S] -> [B, N, C p p], owned by the caller.
 */
export function patchify(latents: Tensor, patchSize: number): Tensor3D {
  const [batch, channels, size] = latents.shape as [number, number, number, number];
  const side = size / patchSize;
  return tidy(() => {
    const cut = reshape(latents, [batch, channels, side, patchSize, side, patchSize]);
    return reshape(transpose(cut, [0, 2, 4, 1, 3, 5]), [batch, side * side, channels * patchSize ** 2]) as Tensor3D;
  });
}

/** The inverse of `patchify`: [B, N, C p p] -> [B, C, S, S], owned by the caller. */
export function unpatchify(patches: Tensor, channels: number, patchSize: number): Tensor4D {
  const [batch, tokens] = patches.shape as [number, number, number];
  const side = Math.sqrt(tokens);
  const size = side * patchSize;
  return tidy(() => {
    const cut = reshape(patches, [batch, side, side, channels, patchSize, patchSize]);
    return reshape(transpose(cut, [0, 3, 1, 4, 2, 5]), [batch, channels, size, size]) as Tensor4D;
  });
}
