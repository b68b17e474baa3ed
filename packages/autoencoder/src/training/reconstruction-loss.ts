import { requireFinite, requireInteger, requireShape } from '@latte-flow/core';
import type { ParameterScope } from '@latte-flow/runtime';
import { add, mul, sub, tidy, transpose, type Scalar, type Tensor, type Tensor4D } from '@tensorflow/tfjs-core';

import { spatialFactor, type DcAutoencoderConfig } from '../dc/dc-config.ts';
import { dcDecode } from '../dc/decode.ts';
import { dcEncode } from '../dc/encode.ts';
import { haarCoefficients } from './haar.ts';
import { meanAbsolute, meanSquare } from './means.ts';

/** Pictures to be reconstructed, on the device. */
export interface ReconstructionBatch {
  /** `[B, 3, H, W]` in [-1, 1]. */
  readonly images: Tensor;
  /** Standard normals `[B, C, h, w]` that latents are blurred with before they are decoded. Default none. */
  readonly noise?: Tensor;
}

export interface ReconstructionLossOptions {
  /** Weight of the errors' Haar coefficients beside that of the pixels. Default 1. */
  readonly structureWeight?: number;
  /** Levels of the Haar coefficients: structure of 2, 4, … 2^levels pixels. Default 3. */
  readonly structureLevels?: number;
  /** Weight of the mean square of the latents, which keeps them small. Default 0.001. */
  readonly latentWeight?: number;
  /** Standard deviation of `noise` in unscaled latents, so that the decoder bears inexact ones. Default 0.05. */
  readonly latentNoise?: number;
}

const WHERE = 'reconstructionLoss';

/**
 * mean |e| + structureWeight mean |W e W^T| + latentWeight mean z^2, with e the error of the reconstruction, W an orthonormal
 * Haar basis and z the latents. In an orthonormal basis a coefficient over more pixels is larger, so that wrong edges and
 * areas cost more than as many wrong single pixels. Differentiable in the parameters.
 *
 * @param parameters of a DC-AE
 * @returns a scalar, owned by the caller
 * @throws LatteFlowError `shape-mismatch` or `invalid-argument`
 */
export function reconstructionLoss(
  { images, noise }: ReconstructionBatch,
  { config, parameters }: { readonly config: DcAutoencoderConfig; readonly parameters: ParameterScope },
  options: ReconstructionLossOptions = {},
): Scalar {
  const { structureWeight = 1, structureLevels = 3, latentWeight = 1e-3, latentNoise = 0.05 } = options;
  requireFinite(WHERE, 'structureWeight', structureWeight, { min: 0 });
  requireInteger(WHERE, 'structureLevels', structureLevels, { min: 0, max: 16 });
  requireFinite(WHERE, 'latentWeight', latentWeight, { min: 0 });
  requireFinite(WHERE, 'latentNoise', latentNoise, { min: 0 });
  const { B, H, W } = requireShape(WHERE, 'images', images.shape, ['B', config.inChannels, 'H', 'W']);
  const factor = spatialFactor(config);
  if (noise !== undefined) {
    requireShape(WHERE, 'noise', noise.shape, [B!, config.latentChannels, H! / factor, W! / factor]);
  }
  return tidy(() => {
    const target = transpose(images as Tensor4D, [0, 2, 3, 1]); // [B, H, W, 3]
    const latents = dcEncode(target, parameters, config); // [B, h, w, C]
    const decoded =
      noise === undefined || latentNoise === 0
        ? latents
        : add<Tensor4D>(latents, mul(transpose(noise as Tensor4D, [0, 2, 3, 1]), latentNoise));
    const error = sub<Tensor4D>(dcDecode(decoded, parameters, config), target);
    const structure = mul(meanAbsolute(haarCoefficients(error, structureLevels)), structureWeight);
    const size = mul(meanSquare(latents), latentWeight);
    return add<Scalar>(meanAbsolute(error), add(structure, size));
  });
}
