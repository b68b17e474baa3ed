import { elementCount } from '@latte-flow/core';
import { expect, test } from 'vitest';

import { tinyDcJson } from '../testing/tiny-models.ts';
import { parseDcAutoencoderConfig, serialiseDcAutoencoderConfig, spatialFactor } from './dc-config.ts';
import { dcParameterShapes } from './parameter-shapes.ts';

const VIT = 'EfficientViTBlock';
const RES = 'ResBlock';

/** The config.json of dc-ae-f32c32-sana-1.0. */
const sana = {
  latent_channels: 32,
  attention_head_dim: 32,
  encoder_block_types: [RES, RES, RES, VIT, VIT, VIT],
  decoder_block_types: [RES, RES, RES, VIT, VIT, VIT],
  encoder_block_out_channels: [128, 256, 512, 512, 1024, 1024],
  decoder_block_out_channels: [128, 256, 512, 512, 1024, 1024],
  encoder_layers_per_block: [2, 2, 2, 3, 3, 3],
  decoder_layers_per_block: [3, 3, 3, 3, 3, 3],
  encoder_qkv_multiscales: [[], [], [], [5], [5], [5]],
  decoder_qkv_multiscales: [[], [], [], [5], [5], [5]],
  downsample_block_type: 'Conv',
  upsample_block_type: 'interpolate',
  decoder_norm_types: 'rms_norm',
  decoder_act_fns: 'silu',
  scaling_factor: 0.41407,
};

/** The fields that the in and mix families share, for as many stages of width 2048 as there are. */
function inFamily(wide: number, latentChannels: number) {
  const widths = [128, 256, 512, 512, 1024, 1024, ...Array.from({ length: wide }, () => 2048)];
  const rest = <T>(value: T): T[] => Array.from({ length: widths.length - 3 }, () => value);
  const blocks = [RES, RES, RES, ...rest(VIT)];
  return {
    latent_channels: latentChannels,
    encoder_block_types: blocks,
    decoder_block_types: blocks,
    encoder_block_out_channels: widths,
    decoder_block_out_channels: widths,
    encoder_layers_per_block: [0, 4, 8, ...rest(2)],
    decoder_layers_per_block: [0, 5, 10, ...rest(2)],
    encoder_qkv_multiscales: widths.map(() => []),
    decoder_qkv_multiscales: widths.map(() => []),
    decoder_norm_types: ['batch_norm', 'batch_norm', 'batch_norm', ...rest('rms_norm')],
    decoder_act_fns: ['relu', 'relu', 'relu', ...rest('silu')],
  };
}

test('sana f32c32 has the parameters of the published checkpoint', () => {
  const shapes = dcParameterShapes(parseDcAutoencoderConfig(sana));
  expect(shapes.size).toBe(375);
  expect([...shapes.values()].reduce((sum, shape) => sum + elementCount(shape), 0)).toBe(312_250_275);
});

test.each([
  ['f32c32', sana, 32, 32],
  ['in f32c32', inFamily(0, 32), 32, 32],
  ['in f64c128', inFamily(1, 128), 64, 128],
  ['in f128c512', inFamily(2, 512), 128, 512],
])('%s: factor and channels', (_, json, factor, channels) => {
  const config = parseDcAutoencoderConfig(json);
  expect([spatialFactor(config), config.latentChannels]).toEqual([factor, channels]);
  expect(parseDcAutoencoderConfig(serialiseDcAutoencoderConfig(config))).toEqual(config);
});

test('statistics of the latents are read and written', () => {
  const json = tinyDcJson({ latents_mean: [0, 1, 2, 3], latents_std: [1, 1, 2, 2] });
  const config = parseDcAutoencoderConfig(json);
  expect(config.latentStatistics).toEqual({ mean: [0, 1, 2, 3], std: [1, 1, 2, 2] });
  expect(serialiseDcAutoencoderConfig(config)).toMatchObject({ latents_mean: [0, 1, 2, 3], latents_std: [1, 1, 2, 2] });
});

test.each([
  [[], 'a JSON object'],
  [{ latent_channels: 0 }, 'latent_channels to be an integer >= 1, got 0'],
  [{ encoder_layers_per_block: [1, 1] }, 'encoder_layers_per_block to have 3 entries'],
  [{ encoder_layers_per_block: [1, 1, -1] }, 'encoder_layers_per_block to be integers >= 0'],
  [{ encoder_block_types: 'Conv' }, 'encoder_block_types to be one of ResBlock, EfficientViTBlock'],
  [{ encoder_block_out_channels: [4, 8, 12] }, 'encoder shortcut: 32 to be a multiple of 12'],
  [{ encoder_block_out_channels: [4, 6, 6] }, 'encoder_out_shortcut: 6 to be a multiple of 4'],
  [{ encoder_qkv_multiscales: [[], [], [4]] }, 'encoder_qkv_multiscales to be odd, got 4'],
  [{ encoder_qkv_multiscales: [[], []] }, 'encoder_qkv_multiscales to have 3 entries'],
  [{ decoder_norm_types: 'group_norm' }, 'decoder_norm_types to be one of rms_norm, batch_norm, got "group_norm"'],
  [
    { decoder_layers_per_block: [1, 0, 1], decoder_block_out_channels: [4, 4, 8] },
    'without layers to be equally wide, got 4, 8',
  ],
  [{ attention_head_dim: 16 }, 'at least one head wide (16), got 8'],
  [{ scaling_factor: 0 }, 'scaling_factor to be a number > 0'],
  [{ latents_mean: [0, 0, 0, 0] }, 'latents_mean and latents_std, got one of them'],
  [{ latents_mean: [0, 0, 0, 0], latents_std: [1, 1, 0, 1] }, 'latents_std to be above 0'],
  [
    { decoder_layers_per_block: [1, 0, 1], decoder_block_out_channels: [4, 8, 8] },
    'to scale alike, got factors 4 and 2',
  ],
])('refuses %j', (change, message) => {
  const json = Array.isArray(change) ? change : tinyDcJson(change);
  expect(() => parseDcAutoencoderConfig(json)).toThrow(message);
});
