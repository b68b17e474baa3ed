import type { Tensor4D } from '@tensorflow/tfjs-core';

/** The two maps of an autoencoder, over channels that come last, and what is known about them. */
export interface Codec {
  /** The class, for messages. */
  readonly name: string;
  readonly imageChannels: number;
  readonly latentChannels: number;
  readonly factor: number;
  readonly scalingFactor: number;
  /** Values of the largest tensor that either map makes, for each pixel. */
  readonly valuesPerPixel: number;
  /** `[B, H, W, imageChannels]` in [-1, 1] -> unscaled latents `[B, h, w, latentChannels]`; borrows, the caller owns. */
  encode(images: Tensor4D): Tensor4D;
  /** The way back. */
  decode(latents: Tensor4D): Tensor4D;
  /** Frees the parameters. */
  dispose(): void;
}
