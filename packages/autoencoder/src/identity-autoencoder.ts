import { requireInteger } from '@latte-flow/core';

import { TensorAutoencoder } from './tensor-autoencoder.ts';

/** Pixels as latents: what a pipeline takes for a model that draws pixels. */
export class IdentityAutoencoder extends TensorAutoencoder {
  /** @throws LatteFlowError `invalid-argument` */
  constructor({ channels = 3 }: { readonly channels?: number } = {}) {
    requireInteger('IdentityAutoencoder', 'channels', channels, { min: 1 });
    super({
      name: 'IdentityAutoencoder',
      imageChannels: channels,
      latentChannels: channels,
      factor: 1,
      scalingFactor: 1,
      valuesPerPixel: channels,
      encode: (images) => images.clone(),
      decode: (latents) => latents.clone(),
      dispose: () => undefined,
    });
  }
}
