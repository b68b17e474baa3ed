import type { DecoderConfig } from '../language-model/decoder-config.ts';
import type { JsonFields } from './json-fields.ts';

export type AttentionHeads = Pick<DecoderConfig, 'hiddenSize' | 'numHeads' | 'numKeyValueHeads' | 'headDim'>;

/**
 * Width and heads of a decoder, as every architecture's `config.json` spells them.
 * @param defaults what the architecture takes for a field that is absent; without one the field is needed
 * @throws LatteFlowError `checkpoint-invalid` if heads do not divide
 */
export function readAttentionHeads(
  text: JsonFields,
  defaults: { readonly hiddenSize?: number; readonly numHeads?: number } = {},
): AttentionHeads {
  const hiddenSize = text.integer(['hidden_size'], { fallback: defaults.hiddenSize });
  const numHeads = text.integer(['num_attention_heads'], { fallback: defaults.numHeads });
  const numKeyValueHeads = text.integer(['num_key_value_heads'], { fallback: numHeads });
  if (numHeads % numKeyValueHeads !== 0) {
    text.refuse('num_attention_heads to be a multiple of num_key_value_heads', `${numHeads} and ${numKeyValueHeads}`);
  }
  if (!text.has('head_dim') && hiddenSize % numHeads !== 0) {
    text.refuse('head_dim, or hidden_size to be a multiple of num_attention_heads', `${hiddenSize} and ${numHeads}`);
  }
  const headDim = text.integer(['head_dim'], { min: 2, fallback: hiddenSize / numHeads });
  return { hiddenSize, numHeads, numKeyValueHeads, headDim };
}
