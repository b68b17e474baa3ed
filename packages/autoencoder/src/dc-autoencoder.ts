import type { FileStore } from '@latte-flow/checkpoint';
import type { ParameterStore } from '@latte-flow/runtime';

import { spatialFactor, parseDcAutoencoderConfig, type DcAutoencoderConfig } from './dc/dc-config.ts';
import { dcDecode } from './dc/decode.ts';
import { dcEncode } from './dc/encode.ts';
import { dcParameterShapes } from './dc/parameter-shapes.ts';
import { dcValuesPerPixel } from './dc/tensor-sizes.ts';
import { loadParameters, openAutoencoderFolder, type LoadOptions } from './load-weights.ts';
import { TensorAutoencoder } from './tensor-autoencoder.ts';

/**
 * A deep-compression autoencoder (arXiv 2410.10733), by any config of diffusers' `AutoencoderDC`: f32c32, f64c128, f128c512
 * and others. Deterministic. Owns its parameters; `dispose` is idempotent, and use after it throws `disposed`.
 *
 * @example
 * await bootBackend({ device: 'auto' });
 * using autoencoder = await DcAutoencoder.fromPretrained('mit-han-lab/dc-ae-f32c32-sana-1.0-diffusers');
 * const latents = await autoencoder.encode(images); // [B, 3, 256, 256] -> [B, 32, 8, 8]
 */
export class DcAutoencoder extends TensorAutoencoder {
  readonly config: DcAutoencoderConfig;
  readonly parameters: ParameterStore;

  /** Takes over the parameters. */
  constructor(config: DcAutoencoderConfig, parameters: ParameterStore) {
    super({
      name: 'DcAutoencoder',
      imageChannels: config.inChannels,
      latentChannels: config.latentChannels,
      factor: spatialFactor(config),
      scalingFactor: config.scalingFactor,
      valuesPerPixel: dcValuesPerPixel(config),
      encode: (images) => dcEncode(images, parameters, config),
      decode: (latents) => dcDecode(latents, parameters, config),
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
  static async fromPretrained(location: string | FileStore, options: LoadOptions = {}): Promise<DcAutoencoder> {
    const { store, json } = await openAutoencoderFolder(location, options);
    const config = parseDcAutoencoderConfig(json);
    return new DcAutoencoder(config, await loadParameters(store, dcParameterShapes(config), options));
  }
}
