import { ConfigFields, refuseConfig, requireCount, type JsonObject } from '../config/json-object.ts';
import {
  parseLatentStatistics,
  serialiseLatentStatistics,
  type LatentStatistics,
} from '../config/latent-statistics.ts';

export const blockTypes = ['ResBlock', 'EfficientViTBlock'] as const;
export type BlockType = (typeof blockTypes)[number];
export const normTypes = ['rms_norm', 'batch_norm'] as const;
export type NormType = (typeof normTypes)[number];
export const activationNames = ['relu', 'silu', 'gelu'] as const;
export type ActivationName = (typeof activationNames)[number];

/** The blocks of one resolution, in the encoder or in the decoder. */
export interface DcStage {
  readonly channels: number;
  /** Blocks; a stage without any has no sampler either. */
  readonly layers: number;
  readonly block: BlockType;
  /** Sides of the depthwise kernels that give attention more scales. */
  readonly multiscales: readonly number[];
  /** Of residual blocks, and after the attention. */
  readonly norm: NormType;
  /** Of residual blocks. */
  readonly activation: ActivationName;
}

/** A DC-AE: `config.json` of diffusers' `AutoencoderDC`, stage by stage. */
export interface DcAutoencoderConfig {
  readonly inChannels: number;
  readonly latentChannels: number;
  /** Width of an attention head. */
  readonly attentionHeadDim: number;
  /** From the picture's size to the latents'. */
  readonly encoder: readonly DcStage[];
  /** In the same order: the decoder runs them from the last to the first. */
  readonly decoder: readonly DcStage[];
  /** `pixel_unshuffle`, or a convolution of stride 2. */
  readonly downsample: 'conv' | 'pixel_unshuffle';
  /** `pixel_shuffle`, or a convolution of pixels that were doubled. */
  readonly upsample: 'interpolate' | 'pixel_shuffle';
  readonly encoderOutShortcut: boolean;
  readonly decoderInShortcut: boolean;
  /** Before the decoder's last convolution. */
  readonly decoderConvActivation: ActivationName;
  /** What latents are multiplied by for a diffusion model. */
  readonly scalingFactor: number;
  /** Of unscaled latents, where they were measured. */
  readonly latentStatistics?: LatentStatistics;
}

const CHANNELS = [128, 256, 512, 512, 1024, 1024];
const UPSAMPLERS = ['interpolate', 'pixel_shuffle'] as const;

interface Half {
  readonly name: 'encoder' | 'decoder';
  readonly layers: readonly number[];
}

function parseHalf(fields: ConfigFields, { name, layers }: Half): DcStage[] {
  const channels = fields.integers(`${name}_block_out_channels`, CHANNELS);
  const count = channels.length;
  const counts = fields.integers(`${name}_layers_per_block`, layers, 0);
  requireCount(`${name}_layers_per_block`, counts, count);
  const blocks = fields.perStage(`${name}_block_types`, { count, allowed: blockTypes, fallback: 'ResBlock' });
  const multiscales = fields.integerLists(`${name}_qkv_multiscales`, count);
  const even = multiscales.flat().find((side) => side % 2 === 0);
  if (even !== undefined) refuseConfig(`${name}_qkv_multiscales to be odd`, `${even}`);
  // Only the decoder's can be chosen.
  const isDecoder = name === 'decoder';
  const norms = isDecoder
    ? fields.perStage('decoder_norm_types', { count, allowed: normTypes, fallback: 'rms_norm' })
    : undefined;
  const activations = isDecoder
    ? fields.perStage('decoder_act_fns', { count, allowed: activationNames, fallback: 'silu' })
    : undefined;
  return channels.map((width, i) => ({
    channels: width,
    layers: counts[i]!,
    block: blocks[i]!,
    multiscales: multiscales[i]!,
    norm: norms?.[i] ?? 'rms_norm',
    activation: activations?.[i] ?? 'silu',
  }));
}

/** Whether a stage of the encoder ends, and one of the decoder begins, with a sampler. */
export function hasSampler(stages: readonly DcStage[], index: number): boolean {
  return index < stages.length - 1 && stages[index]!.layers > 0;
}

/** The width that the first convolution of the encoder gives, and the last one of the decoder gets. */
export function outerChannels(stages: readonly DcStage[]): number {
  return stages[stages[0]!.layers > 0 ? 0 : 1]!.channels;
}

/** Pixels along one side for each latent. */
function factorOf(stages: readonly DcStage[]): number {
  const samplers = stages.filter((_, i) => hasSampler(stages, i)).length;
  return 2 ** (samplers + (stages[0]!.layers > 0 ? 0 : 1));
}

/** Pixels along one side for each latent. */
export function spatialFactor(config: DcAutoencoderConfig): number {
  return factorOf(config.encoder);
}

function requireMultiple(name: string, many: number, few: number): void {
  if (many % few !== 0) refuseConfig(`${name}: ${many} to be a multiple of ${few}`, 'a remainder');
}

function requireConsistent(name: 'encoder' | 'decoder', stages: readonly DcStage[], headDim: number): void {
  if (stages[0]!.layers === 0 && stages.length === 1) refuseConfig(`${name} to have blocks`, 'none');
  stages.forEach((stage, i) => {
    const next = stages[i + 1];
    const isOuter = i === 0 && stage.layers === 0;
    if (next !== undefined && !isOuter && !hasSampler(stages, i) && next.channels !== stage.channels) {
      refuseConfig(
        `${name} stages around one without layers to be equally wide`,
        `${stage.channels}, ${next.channels}`,
      );
    }
    if (next !== undefined && hasSampler(stages, i)) {
      requireMultiple(`${name} shortcut`, 4 * stage.channels, next.channels);
    }
    if (stage.block === 'EfficientViTBlock' && stage.channels < headDim) {
      refuseConfig(`${name} stages with attention to be at least one head wide (${headDim})`, `${stage.channels}`);
    }
  });
}

/**
 * Reads the `config.json` of diffusers' `AutoencoderDC`; fields that are left out have its defaults.
 * @throws LatteFlowError `checkpoint-invalid` naming the field
 */
export function parseDcAutoencoderConfig(json: unknown): DcAutoencoderConfig {
  const fields = new ConfigFields(json);
  const latentChannels = fields.integer('latent_channels', 32);
  const attentionHeadDim = fields.integer('attention_head_dim', 32);
  const encoder = parseHalf(fields, { name: 'encoder', layers: [2, 2, 2, 3, 3, 3] });
  const decoder = parseHalf(fields, { name: 'decoder', layers: [3, 3, 3, 3, 3, 3] });
  requireConsistent('encoder', encoder, attentionHeadDim);
  requireConsistent('decoder', decoder, attentionHeadDim);
  if (factorOf(encoder) !== factorOf(decoder)) {
    refuseConfig('encoder and decoder to scale alike', `factors ${factorOf(encoder)} and ${factorOf(decoder)}`);
  }
  const config: DcAutoencoderConfig = {
    inChannels: fields.integer('in_channels', 3),
    latentChannels,
    attentionHeadDim,
    encoder,
    decoder,
    downsample:
      fields.text('downsample_block_type', 'pixel_unshuffle') === 'pixel_unshuffle' ? 'pixel_unshuffle' : 'conv',
    upsample: fields.oneOf('upsample_block_type', UPSAMPLERS, 'pixel_shuffle'),
    encoderOutShortcut: fields.boolean('encoder_out_shortcut', true),
    decoderInShortcut: fields.boolean('decoder_in_shortcut', true),
    decoderConvActivation: fields.oneOf('decoder_conv_act_fn', activationNames, 'relu'),
    scalingFactor: fields.positive('scaling_factor', 1),
    latentStatistics: parseLatentStatistics(fields, latentChannels),
  };
  if (config.encoderOutShortcut) requireMultiple('encoder_out_shortcut', encoder.at(-1)!.channels, latentChannels);
  if (config.decoderInShortcut) requireMultiple('decoder_in_shortcut', decoder.at(-1)!.channels, latentChannels);
  if (config.downsample === 'pixel_unshuffle') requireQuarters(config);
  return config;
}

/** Convolutions before a pixel-unshuffle give a quarter of the channels after it. */
function requireQuarters({ encoder }: DcAutoencoderConfig): void {
  encoder.forEach((stage, i) => {
    if (i > 0) requireMultiple('encoder_block_out_channels', stage.channels, 4);
  });
}

/** The inverse of `parseDcAutoencoderConfig`, in diffusers' spelling. */
export function serialiseDcAutoencoderConfig(config: DcAutoencoderConfig): JsonObject {
  const half = (name: string, stages: readonly DcStage[]): JsonObject => ({
    [`${name}_block_types`]: stages.map(({ block }) => block),
    [`${name}_block_out_channels`]: stages.map(({ channels }) => channels),
    [`${name}_layers_per_block`]: stages.map(({ layers }) => layers),
    [`${name}_qkv_multiscales`]: stages.map(({ multiscales }) => multiscales),
  });
  return {
    _class_name: 'AutoencoderDC',
    in_channels: config.inChannels,
    latent_channels: config.latentChannels,
    attention_head_dim: config.attentionHeadDim,
    ...half('encoder', config.encoder),
    ...half('decoder', config.decoder),
    upsample_block_type: config.upsample,
    downsample_block_type: config.downsample === 'conv' ? 'Conv' : 'pixel_unshuffle',
    decoder_norm_types: config.decoder.map(({ norm }) => norm),
    decoder_act_fns: config.decoder.map(({ activation }) => activation),
    encoder_out_shortcut: config.encoderOutShortcut,
    decoder_in_shortcut: config.decoderInShortcut,
    decoder_conv_act_fn: config.decoderConvActivation,
    scaling_factor: config.scalingFactor,
    ...serialiseLatentStatistics(config.latentStatistics),
  };
}
