import type { Shape } from '@latte-flow/core';

import { decoderParameterShapes } from '../language-model/decoder-parameters.ts';
import type { Qwen2VLConfig } from './qwen2-vl-config.ts';

function visionBlockShapes(embedDim: number, intermediateSize: number): [string, Shape][] {
  return [
    ['norm1.weight', [embedDim]],
    ['norm1.bias', [embedDim]],
    ['norm2.weight', [embedDim]],
    ['norm2.bias', [embedDim]],
    ['attn.qkv.weight', [3 * embedDim, embedDim]],
    ['attn.qkv.bias', [3 * embedDim]],
    ['attn.proj.weight', [embedDim, embedDim]],
    ['attn.proj.bias', [embedDim]],
    ['mlp.fc1.weight', [intermediateSize, embedDim]],
    ['mlp.fc1.bias', [intermediateSize]],
    ['mlp.fc2.weight', [embedDim, intermediateSize]],
    ['mlp.fc2.bias', [embedDim]],
  ];
}

/**
 * Names and shapes of all parameters, in the Hub's spelling (`visual.*`, `model.*`, and `lm_head.weight` only where
 * the word embeddings are not tied): what a checkpoint must hold, no more and no less.
 */
export function parameterShapes({ text, vision }: Qwen2VLConfig): ReadonlyMap<string, Shape> {
  const { embedDim, inChannels, temporalPatchSize, patchSize, spatialMergeSize } = vision;
  const merged = embedDim * spatialMergeSize ** 2;
  const blocks = Array.from({ length: vision.depth }, (_, i) =>
    visionBlockShapes(embedDim, vision.intermediateSize).map(([name, shape]): [string, Shape] => [
      `visual.blocks.${i}.${name}`,
      shape,
    ]),
  );
  return new Map<string, Shape>([
    ['visual.patch_embed.proj.weight', [embedDim, inChannels, temporalPatchSize, patchSize, patchSize]],
    ...blocks.flat(),
    ['visual.merger.ln_q.weight', [embedDim]],
    ['visual.merger.ln_q.bias', [embedDim]],
    ['visual.merger.mlp.0.weight', [merged, merged]],
    ['visual.merger.mlp.0.bias', [merged]],
    ['visual.merger.mlp.2.weight', [text.hiddenSize, merged]],
    ['visual.merger.mlp.2.bias', [text.hiddenSize]],
    ...[...decoderParameterShapes(text)].map(([name, shape]): [string, Shape] => [`model.${name}`, shape]),
    ...(text.tieWordEmbeddings ? [] : [['lm_head.weight', [text.vocabSize, text.hiddenSize]] as [string, Shape]]),
  ]);
}
