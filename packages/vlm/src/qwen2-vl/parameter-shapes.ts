import type { Shape } from '@latte-flow/core';

import { decoderParameterShapes } from '../language-model/decoder-parameters.ts';
import type { QwenConfig } from './qwen-config.ts';
import type { Qwen2VLConfig } from './qwen2-vl-config.ts';

/** A linear layer with a bias. */
export function linearShapes(name: string, { from, to }: { from: number; to: number }): [string, Shape][] {
  return [
    [`${name}.weight`, [to, from]],
    [`${name}.bias`, [to]],
  ];
}

/**
 * Names and shapes of a model in the Hub's spelling (`visual.*`, `model.*`, and `lm_head.weight` only where the word
 * embeddings are not tied), from those of a vision block and of the merger's norm.
 */
export function qwenParameterShapes(
  { text, vision }: QwenConfig,
  {
    block,
    mergerNorm,
  }: { readonly block: readonly [string, Shape][]; readonly mergerNorm: readonly [string, Shape][] },
): ReadonlyMap<string, Shape> {
  const { embedDim, inChannels, temporalPatchSize, patchSize, spatialMergeSize } = vision;
  const merged = embedDim * spatialMergeSize ** 2;
  const under = (prefix: string, shapes: readonly [string, Shape][]): [string, Shape][] =>
    shapes.map(([name, shape]) => [`${prefix}.${name}`, shape]);
  return new Map<string, Shape>([
    ['visual.patch_embed.proj.weight', [embedDim, inChannels, temporalPatchSize, patchSize, patchSize]],
    ...Array.from({ length: vision.depth }, (_, i) => under(`visual.blocks.${i}`, block)).flat(),
    ...under('visual.merger', mergerNorm),
    ...linearShapes('visual.merger.mlp.0', { from: merged, to: merged }),
    ...linearShapes('visual.merger.mlp.2', { from: merged, to: text.hiddenSize }),
    ...under('model', [...decoderParameterShapes(text)]),
    ...(text.tieWordEmbeddings ? [] : [['lm_head.weight', [text.vocabSize, text.hiddenSize]] as [string, Shape]]),
  ]);
}

/** The attention of a vision block, alike in both architectures. */
export function visionAttentionShapes(embedDim: number): [string, Shape][] {
  return [
    ...linearShapes('attn.qkv', { from: embedDim, to: 3 * embedDim }),
    ...linearShapes('attn.proj', { from: embedDim, to: embedDim }),
  ];
}

/** What a Qwen2-VL checkpoint must hold, no more and no less. */
export function qwen2VLParameterShapes(config: Qwen2VLConfig): ReadonlyMap<string, Shape> {
  const { embedDim, intermediateSize } = config.vision;
  const norm = (name: string): [string, Shape][] => [
    [`${name}.weight`, [embedDim]],
    [`${name}.bias`, [embedDim]],
  ];
  const block = [
    ...norm('norm1'),
    ...norm('norm2'),
    ...visionAttentionShapes(embedDim),
    ...linearShapes('mlp.fc1', { from: embedDim, to: intermediateSize }),
    ...linearShapes('mlp.fc2', { from: intermediateSize, to: embedDim }),
  ];
  return qwenParameterShapes(config, { block, mergerNorm: norm('ln_q') });
}
