import type { Shape } from '@latte-flow/core';

import { decoderParameterShapes } from '../language-model/decoder-parameters.ts';
import type { Idefics3Config, Idefics3VisionConfig } from './idefics3-config.ts';

function encoderLayerShapes({ hiddenSize, intermediateSize }: Idefics3VisionConfig): [string, Shape][] {
  const square: Shape = [hiddenSize, hiddenSize];
  const width: Shape = [hiddenSize];
  return [
    ['layer_norm1.weight', width],
    ['layer_norm1.bias', width],
    ...['q_proj', 'k_proj', 'v_proj', 'out_proj'].flatMap((name): [string, Shape][] => [
      [`self_attn.${name}.weight`, square],
      [`self_attn.${name}.bias`, width],
    ]),
    ['layer_norm2.weight', width],
    ['layer_norm2.bias', width],
    ['mlp.fc1.weight', [intermediateSize, hiddenSize]],
    ['mlp.fc1.bias', [intermediateSize]],
    ['mlp.fc2.weight', [hiddenSize, intermediateSize]],
    ['mlp.fc2.bias', width],
  ];
}

/**
 * Names and shapes of all parameters, in the Hub's spelling (`model.vision_model.*`, `model.connector.*`,
 * `model.text_model.*`, and `lm_head.weight` only where the word embeddings are not tied).
 */
export function idefics3ParameterShapes({ text, vision, scaleFactor }: Idefics3Config): ReadonlyMap<string, Shape> {
  const { hiddenSize, inChannels, imageSize, patchSize } = vision;
  const side = Math.floor(imageSize / patchSize);
  const layers = Array.from({ length: vision.depth }, (_, i) =>
    encoderLayerShapes(vision).map(([name, shape]): [string, Shape] => [`encoder.layers.${i}.${name}`, shape]),
  );
  const tower: [string, Shape][] = [
    ['embeddings.patch_embedding.weight', [hiddenSize, inChannels, patchSize, patchSize]],
    ['embeddings.patch_embedding.bias', [hiddenSize]],
    ['embeddings.position_embedding.weight', [side ** 2, hiddenSize]],
    ...layers.flat(),
    ['post_layernorm.weight', [hiddenSize]],
    ['post_layernorm.bias', [hiddenSize]],
  ];
  const under = (prefix: string, shapes: Iterable<readonly [string, Shape]>): [string, Shape][] =>
    Array.from(shapes, ([name, shape]) => [`${prefix}${name}`, shape]);
  return new Map<string, Shape>([
    ...under('model.vision_model.', tower),
    ['model.connector.modality_projection.proj.weight', [text.hiddenSize, hiddenSize * scaleFactor ** 2]],
    ...under('model.text_model.', decoderParameterShapes(text)),
    ...(text.tieWordEmbeddings ? [] : [['lm_head.weight', [text.vocabSize, text.hiddenSize]] as [string, Shape]]),
  ]);
}
