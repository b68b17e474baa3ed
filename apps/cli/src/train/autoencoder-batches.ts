import { parseDcAutoencoderConfig, spatialFactor, type DcAutoencoderConfig } from '@latte-flow/autoencoder';
import { NoisePurpose, normalNoise, requireShape } from '@latte-flow/core';

import { drawScenes, SCENE_SIZE, type SceneSource } from '../corpus/index.ts';
import type { TrainingConfig } from './training-config.ts';

/** Pictures on the host, and what their latents are blurred with. */
export interface AutoencoderHostBatch {
  /** float32 `[B, 3, S, S]` in [-1, 1]. */
  readonly images: Float32Array;
  /** Standard normals `[B, C, h, w]`. */
  readonly noise: Float32Array;
}

/**
 * The config of an autoencoder whose pictures scenes can be.
 * @throws LatteFlowError `shape-mismatch`, or as `parseDcAutoencoderConfig`
 */
export function parseTrainedAutoencoder(json: unknown): DcAutoencoderConfig {
  const config = parseDcAutoencoderConfig(json);
  requireShape('train', 'pictures of the autoencoder', [config.inChannels], [3]);
  requireShape('train', 'what a scene leaves beside whole latents', [SCENE_SIZE % spatialFactor(config)], [0]);
  return config;
}

/** Latents of a scene along one side. */
export function sceneLatentSide(config: DcAutoencoderConfig): number {
  return SCENE_SIZE / spatialFactor(config);
}

/** Batch `index` of an autoencoder's run, on the host: a pure function of its arguments. */
export function autoencoderHostBatch(
  index: number,
  {
    config,
    model,
    source,
  }: { readonly config: TrainingConfig; readonly model: DcAutoencoderConfig; readonly source: SceneSource },
): AutoencoderHostBatch {
  const { seed, batchSize, latentNoise } = config;
  const { images } = drawScenes(source, { seed, first: index * batchSize, count: batchSize });
  const values = batchSize * model.latentChannels * sceneLatentSide(model) ** 2;
  const noise =
    latentNoise === 0
      ? new Float32Array(values)
      : normalNoise(values, { seed, image: index, purpose: NoisePurpose.latents });
  return { images, noise };
}
