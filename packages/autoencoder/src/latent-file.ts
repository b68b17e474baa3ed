import { encodeSafetensors, parseSafetensors, toFloat32 } from '@latte-flow/checkpoint';
import { describeValue, LatteFlowError, type Shape } from '@latte-flow/core';

import type { Autoencoder } from './autoencoder.ts';

/** Latents as a file holds them: what made them, and how to get the picture back. */
export interface LatentFile {
  /** Row-major. */
  readonly values: Float32Array;
  /** `[B, C, h, w]` */
  readonly shape: Shape;
  /** The model that made them, as its user named it. */
  readonly model: string;
  /** What they were multiplied by. */
  readonly scalingFactor: number;
  /** Pixels along one side for each latent. */
  readonly factor: number;
  /** Of the picture before it was padded. */
  readonly width: number;
  readonly height: number;
}

const WHERE = 'decodeLatentFile';
const TENSOR = 'latents';
const FORMAT = 'latte-flow-latents';

function refuse(expected: string, got: string): never {
  throw new LatteFlowError('checkpoint-invalid', {
    where: WHERE,
    expected,
    got,
    remedy: 'Pass a file that latte encode or encodeLatentFile made.',
  });
}

/** A safetensors file of one tensor, `latents`, whose metadata holds the rest. */
export function encodeLatentFile({ values, shape, ...file }: LatentFile): Uint8Array {
  return encodeSafetensors(new Map([[TENSOR, { values, shape }]]), {
    metadata: {
      format: FORMAT,
      model: file.model,
      scaling_factor: `${file.scalingFactor}`,
      factor: `${file.factor}`,
      width: `${file.width}`,
      height: `${file.height}`,
    },
  });
}

/**
 * Reads what `encodeLatentFile` wrote.
 * @throws LatteFlowError `checkpoint-invalid`
 */
export function decodeLatentFile(bytes: Uint8Array): LatentFile {
  const { tensors, metadata } = parseSafetensors(bytes);
  const view = tensors.get(TENSOR);
  if (view === undefined || metadata['format'] !== FORMAT) refuse(`a file of ${TENSOR}`, 'another safetensors file');
  if (view.shape.length !== 4) refuse('latents [B, C, h, w]', `[${view.shape.join(', ')}]`);
  const positive = (name: string): number => {
    const value = Number(metadata[name]);
    return value > 0 && Number.isFinite(value) ? value : refuse(`${name} to be above 0`, describeValue(metadata[name]));
  };
  return {
    values: toFloat32(view, { name: TENSOR }),
    shape: view.shape,
    model: metadata['model'] ?? '',
    scalingFactor: positive('scaling_factor'),
    factor: positive('factor'),
    width: positive('width'),
    height: positive('height'),
  };
}

/**
 * Refuses latents of another model: with other channels, another scale or another factor.
 * @throws LatteFlowError `checkpoint-mismatch`
 */
export function requireLatentsOf(file: LatentFile, autoencoder: Autoencoder): void {
  const describe = (channels: number, factor: number, scale: number): string =>
    `${channels} channels, factor ${factor}, scaling factor ${scale}`;
  const own = describe(autoencoder.latentChannels, autoencoder.factor, autoencoder.scalingFactor);
  const found = describe(file.shape[1]!, file.factor, file.scalingFactor);
  if (own === found) return;
  throw new LatteFlowError('checkpoint-mismatch', {
    where: 'requireLatentsOf',
    expected: `latents of this autoencoder: ${own}`,
    got: found,
    remedy: `Decode them with the model that made them, ${file.model}.`,
    data: { model: file.model },
  });
}
