import type { Shape } from '@latte-flow/core';

import type { DecoderConfig } from './decoder-config.ts';

/** Names and shapes of a Qwen2 or Llama decoder below its prefix (`model.` on the Hub). */
export function decoderParameterShapes(config: DecoderConfig): ReadonlyMap<string, Shape> {
  const { hiddenSize, intermediateSize, numLayers, numHeads, numKeyValueHeads, headDim, vocabSize } = config;
  const query = numHeads * headDim;
  const keyValue = numKeyValueHeads * headDim;
  const withBias: [string, Shape][] = [
    ['input_layernorm.weight', [hiddenSize]],
    ['self_attn.q_proj.weight', [query, hiddenSize]],
    ['self_attn.q_proj.bias', [query]],
    ['self_attn.k_proj.weight', [keyValue, hiddenSize]],
    ['self_attn.k_proj.bias', [keyValue]],
    ['self_attn.v_proj.weight', [keyValue, hiddenSize]],
    ['self_attn.v_proj.bias', [keyValue]],
    ['self_attn.o_proj.weight', [hiddenSize, query]],
    ['post_attention_layernorm.weight', [hiddenSize]],
    ['mlp.gate_proj.weight', [intermediateSize, hiddenSize]],
    ['mlp.up_proj.weight', [intermediateSize, hiddenSize]],
    ['mlp.down_proj.weight', [hiddenSize, intermediateSize]],
  ];
  const layer = withBias.filter(([name]) => config.attentionBias !== false || !name.endsWith('.bias'));
  const layers = Array.from({ length: numLayers }, (_, i) =>
    layer.map(([name, shape]): [string, Shape] => [`layers.${i}.${name}`, shape]),
  );
  return new Map<string, Shape>([
    ['embed_tokens.weight', [vocabSize, hiddenSize]],
    ...layers.flat(),
    ['norm.weight', [hiddenSize]],
  ]);
}
