import type { OnProgress } from '@latte-flow/core';
import type { Tensor, Tensor4D } from '@tensorflow/tfjs-core';

import type { TileOptions } from './tiling/tile-grid.ts';

interface CallOptions {
  /**
   * Latents multiplied by the model's scaling factor, as diffusion models work on them. Default true; false for those of
   * the encoder itself.
   */
  readonly scaled?: boolean;
  /** Part by part, with blended seams: the device holds what one tile needs. Default all at once. */
  readonly tile?: TileOptions;
  /** Heard between two tiles. */
  readonly signal?: AbortSignal;
  /** Stage `encode` or `decode`, every tile. */
  readonly onProgress?: OnProgress;
}

export interface EncodeOptions extends CallOptions {
  /**
   * What becomes of sides that are no multiples of the factor: `exact` refuses them, `pad` repeats the last row and column
   * up to the next multiple (give `decode` the old size, to crop). Default `exact`.
   */
  readonly fit?: 'exact' | 'pad';
}

export interface DecodeOptions extends CallOptions {
  /** Crops the picture to this size, as it was before `fit: 'pad'`. Default all of it. */
  readonly size?: { readonly height: number; readonly width: number };
}

/** Pictures to latents and back: what every autoencoder can do, so that a pipeline takes any. */
export interface Autoencoder extends Disposable {
  /** Channels of a picture. */
  readonly imageChannels: number;
  readonly latentChannels: number;
  /** Pixels along one side for each latent. */
  readonly factor: number;
  /** What `scaled` multiplies the encoder's latents by. */
  readonly scalingFactor: number;

  /**
   * Pictures `[B, 3, H, W]` in [-1, 1], borrowed, to latents `[B, C, H / factor, W / factor]`, the caller's.
   * @throws LatteFlowError `shape-mismatch`, `invalid-argument` (a size that is no multiple, NaN or infinity),
   * `device-limit`, `disposed`; the signal's reason on abort
   */
  encode(images: Tensor, options?: EncodeOptions): Promise<Tensor4D>;

  /**
   * Latents `[B, C, h, w]`, borrowed, to pictures `[B, 3, h factor, w factor]`, the caller's: about [-1, 1], not clipped.
   * @throws LatteFlowError as `encode`
   */
  decode(latents: Tensor, options?: DecodeOptions): Promise<Tensor4D>;

  /** Frees the parameters. Idempotent. */
  dispose(): void;
}
