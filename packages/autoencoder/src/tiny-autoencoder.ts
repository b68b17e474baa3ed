import type { FileStore } from '@latte-flow/checkpoint';
import type { ParameterStore } from '@latte-flow/runtime';

import { loadParameters, openAutoencoderFolder, type LoadOptions } from './load-weights.ts';
import { TensorAutoencoder } from './tensor-autoencoder.ts';
import { parseTinyAutoencoderConfig, type TinyAutoencoderConfig } from './tiny/tiny-config.ts';
import { tinyDecode, tinyEncode } from './tiny/tiny-forward.ts';
import { tinyParameterShapes } from './tiny/tiny-layers.ts';

/**
 * A tiny autoencoder, by any config of diffusers' `AutoencoderTiny`: TAESD and its variants for the latents of other models,
 * for previews. Owns its parameters; `dispose` is idempotent, and use after it throws `disposed`.
 */
export class TinyAutoencoder extends TensorAutoencoder {
  readonly config: TinyAutoencoderConfig;
  readonly parameters: ParameterStore;

  /** Takes over the parameters. */
  constructor(config: TinyAutoencoderConfig, parameters: ParameterStore) {
    super({
      name: 'TinyAutoencoder',
      imageChannels: config.inChannels,
      latentChannels: config.latentChannels,
      factor: 2 ** (config.encoderBlocks.length - 1),
      scalingFactor: config.scalingFactor,
      valuesPerPixel: Math.max(config.channels, config.inChannels),
      encode: (images) => tinyEncode(images, parameters, config),
      decode: (latents) => tinyDecode(latents, parameters, config),
      dispose: () => parameters.dispose(),
    });
    this.config = config;
    this.parameters = parameters;
  }

  /**
   * Loads a folder in diffusers' layout (path, URL, `owner/name` on the Hub or open store) to the current backend.
   * @throws LatteFlowError `file-not-found`, `checkpoint-invalid`, `checkpoint-mismatch` (weights and config disagree); the
   * signal's reason on abort
   */
  static async fromPretrained(location: string | FileStore, options: LoadOptions = {}): Promise<TinyAutoencoder> {
    const { store, json } = await openAutoencoderFolder(location, options);
    const config = parseTinyAutoencoderConfig(json);
    return new TinyAutoencoder(config, await loadParameters(store, tinyParameterShapes(config), options));
  }
}
