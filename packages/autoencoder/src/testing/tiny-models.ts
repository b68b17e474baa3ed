import { elementCount, normalNoise, type Shape } from '@latte-flow/core';
import { ParameterStore, type ParameterValues } from '@latte-flow/runtime';

import { DcAutoencoder } from '../dc-autoencoder.ts';
import { parseDcAutoencoderConfig } from '../dc/dc-config.ts';
import { dcParameterShapes } from '../dc/parameter-shapes.ts';
import { TinyAutoencoder } from '../tiny-autoencoder.ts';
import { parseTinyAutoencoderConfig } from '../tiny/tiny-config.ts';
import { tinyParameterShapes } from '../tiny/tiny-layers.ts';

/** `config.json` of a DC-AE of factor 4 with every kind of block, sampler and norm but those that `change` replaces. */
export function tinyDcJson(change: Readonly<Record<string, unknown>> = {}): Record<string, unknown> {
  const blocks = ['ResBlock', 'ResBlock', 'EfficientViTBlock'];
  return {
    _class_name: 'AutoencoderDC',
    latent_channels: 4,
    attention_head_dim: 4,
    encoder_block_types: blocks,
    decoder_block_types: blocks,
    encoder_block_out_channels: [4, 8, 8],
    decoder_block_out_channels: [4, 8, 8],
    encoder_layers_per_block: [0, 1, 1],
    decoder_layers_per_block: [0, 1, 1],
    encoder_qkv_multiscales: [[], [], [3]],
    decoder_qkv_multiscales: [[], [], []],
    decoder_norm_types: ['batch_norm', 'batch_norm', 'rms_norm'],
    decoder_act_fns: ['relu', 'relu', 'silu'],
    scaling_factor: 0.5,
    ...change,
  };
}

/** Random weights that keep the size of what passes through; norms about 1. */
export function randomParameters(shapes: ReadonlyMap<string, Shape>): Map<string, ParameterValues> {
  const entries = [...shapes].map(([name, shape], image): [string, ParameterValues] => {
    const noise = normalNoise(elementCount(shape), { seed: 11, image });
    const deviation = shape.length > 1 ? 1 / Math.sqrt(elementCount(shape.slice(1))) : 0.2;
    const centre = shape.length === 1 && /weight$|running_var$/.test(name) ? 1 : 0;
    const bounded = (value: number): number => (name.endsWith('running_var') ? Math.abs(value) : value);
    return [name, { shape, values: noise.map((value) => bounded(centre + deviation * value)) }];
  });
  return new Map(entries);
}

/** A DC-AE of random weights; the caller disposes of it. */
export function tinyDcAutoencoder(change: Readonly<Record<string, unknown>> = {}, trainable = false): DcAutoencoder {
  const config = parseDcAutoencoderConfig(tinyDcJson(change));
  const values = randomParameters(dcParameterShapes(config));
  return new DcAutoencoder(config, ParameterStore.upload(values, { where: 'test', trainable }));
}

/** A tiny autoencoder of random weights; the caller disposes of it. */
export function tinyTinyAutoencoder(): TinyAutoencoder {
  const config = parseTinyAutoencoderConfig({
    latent_channels: 4,
    encoder_block_out_channels: [8, 8, 8],
    decoder_block_out_channels: [8, 8, 8],
    num_encoder_blocks: [1, 1, 1],
    num_decoder_blocks: [1, 1, 1],
  });
  const values = randomParameters(tinyParameterShapes(config));
  return new TinyAutoencoder(config, ParameterStore.upload(values, { where: 'test' }));
}

/** Smooth pictures `[B, 3, H, W]` in [-1, 1]. */
export function smoothPictures([batch, height, width]: readonly [number, number, number]): Float32Array {
  const values = new Float32Array(batch * 3 * height * width);
  return values.map((_, i) => {
    const [x, y, plane] = [i % width, Math.floor(i / width) % height, Math.floor(i / (width * height))];
    return 0.8 * Math.sin(x / 5 + plane) * Math.cos(y / 7 - plane);
  });
}
