import type { Shape } from '@latte-flow/core';
import { residualAttentionShapes, type ResidualAttentionConfig } from '@latte-flow/residual-attention';

import type { LatteFlowConfig } from '../config/latte-flow-config.ts';

/** The attention of every layer. */
export function attentionConfig(config: LatteFlowConfig): ResidualAttentionConfig {
  const { numHeads, numKvHeads, headDim, residualAttention, qkvBias } = config;
  return { numHeads, numKvHeads, headDim, residual: residualAttention, qkvBias };
}

function layerShapes(config: LatteFlowConfig): Map<string, Shape> {
  const { hiddenSize: width, intermediateSize } = config;
  const shapes = new Map<string, Shape>([['input_layernorm.weight', [width]]]);
  for (const [name, shape] of residualAttentionShapes(width, attentionConfig(config)))
    shapes.set(`self_attn.${name}`, shape);
  return new Map<string, Shape>([
    ...shapes,
    ['post_attention_norm.weight', [width]],
    ['pre_mlp_norm.weight', [width]],
    ['mlp.gate_proj.weight', [intermediateSize, width]],
    ['mlp.up_proj.weight', [intermediateSize, width]],
    ['mlp.down_proj.weight', [width, intermediateSize]],
    ['post_mlp_norm.weight', [width]],
    ['modulation.weight', [4 * width, width]],
    ['modulation.bias', [4 * width]],
  ]);
}

/** Names and shapes of every parameter of a generation stream, spelled as in the reference. */
export function generationStreamShapes(config: LatteFlowConfig): Map<string, Shape> {
  const { hiddenSize: width, latentChannels, patchSize, timeFrequencyDim } = config;
  const patchWidth = latentChannels * patchSize ** 2;
  const shapes = new Map<string, Shape>([
    ['patch_embed.weight', [width, patchWidth]],
    ['patch_embed.bias', [width]],
    ['time_embed.fc1.weight', [width, timeFrequencyDim]],
    ['time_embed.fc1.bias', [width]],
    ['time_embed.fc2.weight', [width, width]],
    ['time_embed.fc2.bias', [width]],
  ]);
  for (let layer = 0; layer < config.numLayers; layer++) {
    for (const [name, shape] of layerShapes(config)) shapes.set(`layers.${layer}.${name}`, shape);
  }
  return new Map<string, Shape>([
    ...shapes,
    ['norm_out.weight', [width]],
    ['head_modulation.weight', [2 * width, width]],
    ['head_modulation.bias', [2 * width]],
    ['head.weight', [patchWidth, width]],
    ['head.bias', [patchWidth]],
  ]);
}

/** The layer that a parameter belongs to, or undefined for those that all groups share. */
export function layerOfParameter(name: string): number | undefined {
  const match = /^layers\.(\d+)\./.exec(name);
  return match === null ? undefined : Number(match[1]);
}
