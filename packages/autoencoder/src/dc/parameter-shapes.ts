import type { Shape } from '@latte-flow/core';

import { hasSampler, outerChannels, type DcAutoencoderConfig, type DcStage, type NormType } from './dc-config.ts';

/** Width of the gated convolution inside an EfficientViT block, for each channel of the block. */
const EXPANSION = 4;

/** Channels that the heads of an attention cover. */
export function headChannels({ channels }: DcStage, headDim: number): number {
  return Math.floor(channels / headDim) * headDim;
}

/** Index of the first block of a stage, which follows the decoder's sampler. */
export function firstBlock(stages: readonly DcStage[], index: number): number {
  return hasSampler(stages, index) ? 1 : 0;
}

type Shapes = Map<string, Shape>;

function convolution(shapes: Shapes, name: string, shape: Shape): void {
  shapes.set(`${name}.weight`, shape);
  shapes.set(`${name}.bias`, [shape[0]!]);
}

function norm(shapes: Shapes, name: string, { type, channels }: { type: NormType; channels: number }): void {
  const fields = type === 'batch_norm' ? ['weight', 'bias', 'running_mean', 'running_var'] : ['weight', 'bias'];
  for (const field of fields) shapes.set(`${name}.${field}`, [channels]);
}

function residualBlock(shapes: Shapes, name: string, { channels, norm: type }: DcStage): void {
  convolution(shapes, `${name}.conv1`, [channels, channels, 3, 3]);
  shapes.set(`${name}.conv2.weight`, [channels, channels, 3, 3]);
  norm(shapes, `${name}.norm`, { type, channels });
}

function efficientVitBlock(
  shapes: Shapes,
  name: string,
  { stage, headDim }: { stage: DcStage; headDim: number },
): void {
  const { channels, multiscales, norm: type } = stage;
  const inner = headChannels(stage, headDim);
  for (const part of ['to_q', 'to_k', 'to_v']) shapes.set(`${name}.attn.${part}.weight`, [inner, channels]);
  multiscales.forEach((side, scale) => {
    const at = `${name}.attn.to_qkv_multiscale.${scale}`;
    shapes.set(`${at}.proj_in.weight`, [3 * inner, 1, side, side]);
    shapes.set(`${at}.proj_out.weight`, [3 * inner, headDim, 1, 1]);
  });
  shapes.set(`${name}.attn.to_out.weight`, [channels, inner * (1 + multiscales.length)]);
  norm(shapes, `${name}.attn.norm_out`, { type, channels });
  const hidden = EXPANSION * channels;
  convolution(shapes, `${name}.conv_out.conv_inverted`, [2 * hidden, channels, 1, 1]);
  convolution(shapes, `${name}.conv_out.conv_depth`, [2 * hidden, 1, 3, 3]);
  shapes.set(`${name}.conv_out.conv_point.weight`, [channels, hidden, 1, 1]);
  norm(shapes, `${name}.conv_out.norm`, { type: 'rms_norm', channels });
}

function blocks(
  shapes: Shapes,
  name: string,
  { stage, first, headDim }: { stage: DcStage; first: number; headDim: number },
): void {
  for (let i = 0; i < stage.layers; i++) {
    const block = `${name}.${first + i}`;
    if (stage.block === 'ResBlock') residualBlock(shapes, block, stage);
    else efficientVitBlock(shapes, block, { stage, headDim });
  }
}

function encoderShapes(shapes: Shapes, config: DcAutoencoderConfig): void {
  const { encoder: stages, inChannels, latentChannels, attentionHeadDim: headDim } = config;
  const share = config.downsample === 'pixel_unshuffle' ? 4 : 1;
  const outer = outerChannels(stages);
  if (stages[0]!.layers > 0) convolution(shapes, 'encoder.conv_in', [outer, inChannels, 3, 3]);
  else convolution(shapes, 'encoder.conv_in.conv', [outer / share, inChannels, 3, 3]);
  stages.forEach((stage, i) => {
    const name = `encoder.down_blocks.${i}`;
    blocks(shapes, name, { stage, first: 0, headDim });
    if (!hasSampler(stages, i)) return;
    convolution(shapes, `${name}.${stage.layers}.conv`, [stages[i + 1]!.channels / share, stage.channels, 3, 3]);
  });
  convolution(shapes, 'encoder.conv_out', [latentChannels, stages.at(-1)!.channels, 3, 3]);
}

function decoderShapes(shapes: Shapes, config: DcAutoencoderConfig): void {
  const { decoder: stages, inChannels, latentChannels, attentionHeadDim: headDim } = config;
  const share = config.upsample === 'pixel_shuffle' ? 4 : 1;
  const outer = outerChannels(stages);
  convolution(shapes, 'decoder.conv_in', [stages.at(-1)!.channels, latentChannels, 3, 3]);
  stages.forEach((stage, i) => {
    const name = `decoder.up_blocks.${i}`;
    if (hasSampler(stages, i)) {
      convolution(shapes, `${name}.0.conv`, [stage.channels * share, stages[i + 1]!.channels, 3, 3]);
    }
    blocks(shapes, name, { stage, first: firstBlock(stages, i), headDim });
  });
  norm(shapes, 'decoder.norm_out', { type: 'rms_norm', channels: outer });
  if (stages[0]!.layers > 0) convolution(shapes, 'decoder.conv_out', [inChannels, outer, 3, 3]);
  else convolution(shapes, 'decoder.conv_out.conv', [inChannels * share, outer, 3, 3]);
}

/** Names and shapes of all parameters, as diffusers' `AutoencoderDC` spells them. */
export function dcParameterShapes(config: DcAutoencoderConfig): ReadonlyMap<string, Shape> {
  const shapes: Shapes = new Map();
  encoderShapes(shapes, config);
  decoderShapes(shapes, config);
  return shapes;
}
