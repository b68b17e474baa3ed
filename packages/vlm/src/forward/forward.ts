import { requireInteger } from '@latte-flow/core';
import { embed, linear } from '@latte-flow/ops';
import type { ParameterScope, Weight } from '@latte-flow/runtime';
import { slice, tidy, type Tensor, type Tensor2D, type Tensor3D } from '@tensorflow/tfjs-core';

import { adapterOf } from '../adapter/registry.ts';
import type { VisionLanguageConfig } from '../adapter/vlm-adapter.ts';
import { encodeLayers, runDecoder, type LayerCache } from '../language-model/decoder.ts';
import { tidyResult } from '../language-model/tidy-result.ts';
import { mergeImageFeatures } from './image-features.ts';
import { uploadInputs, type InputTensors, type TextTensors } from './input-tensors.ts';
import type { ModelInputs } from './model-inputs.ts';

/** Keys and values of a prompt, as the generation stream and further decoding need them. Its owner disposes of it. */
export interface ContextCache {
  /** One entry a layer, keys after RoPE, float32 `[B, G, T, E]`. */
  readonly layers: readonly LayerCache[];
  /** bool `[B, T]`, true where a token is visible. */
  readonly mask: Tensor2D;
  /** For each sample 1 + the largest position among its visible tokens. */
  readonly end: readonly number[];
}

/** Disposes of the tensors of a cache, or of anything of its form. */
export function disposeContextCache({
  layers,
  mask,
}: {
  readonly layers: readonly { readonly key: Tensor; readonly value: Tensor }[];
  readonly mask: Tensor;
}): void {
  for (const { key, value } of layers) {
    key.dispose();
    value.dispose();
  }
  mask.dispose();
}

/** The parameters of the decoder: `embed_tokens`, `layers` and `norm`. */
export function decoderParameters(parameters: ParameterScope, config: VisionLanguageConfig): ParameterScope {
  return parameters.scope(adapterOf(config).decoderPrefix);
}

/** Word embeddings, `[V, D]`. */
export function embeddingTable(parameters: ParameterScope, config: VisionLanguageConfig): Weight {
  return decoderParameters(parameters, config).weight('embed_tokens.weight');
}

/** Word embeddings with the image features in their places, float32 `[B, S, D]`, owned by the caller. Differentiable. */
export function embedInputs(
  parameters: ParameterScope,
  config: VisionLanguageConfig,
  { inputs, ids, images }: Pick<InputTensors, 'ids'> & Partial<Pick<InputTensors, 'inputs' | 'images'>>,
): Tensor3D {
  return tidy(() => {
    const adapter = adapterOf(config);
    const words = embed(ids, embeddingTable(parameters, config)) as Tensor3D;
    if (images === undefined || inputs === undefined) return words;
    const { features } = adapter.imageFeatures(parameters, config, { images });
    return mergeImageFeatures(words, features, { ...inputs, imageTokenId: config.imageTokenId });
  });
}

/** Logits of hidden states over the vocabulary: `[..., D]` -> `[..., V]`, by the embeddings where the head is tied. */
export function projectToVocabulary(
  parameters: ParameterScope,
  config: VisionLanguageConfig,
  hidden: Tensor3D,
): Tensor3D {
  const tied = config.text.tieWordEmbeddings;
  return linear(hidden, tied ? embeddingTable(parameters, config) : parameters.weight('lm_head.weight')) as Tensor3D;
}

export interface ForwardOptions {
  /** Logits of every token, or of the last one of each sample only. Default `all`. */
  readonly logits?: 'all' | 'last';
  /** Return the raw output of every layer too. Default false. */
  readonly hiddenStates?: boolean;
}

export interface ForwardOutput {
  /** float32 `[B, N, V]`, N = 1 for `last`. */
  readonly logits: Tensor3D;
  /** float32 `[B, N, D]`: the final norm's output at every token. */
  readonly hidden: Tensor3D;
  readonly cache: ContextCache;
  readonly hiddenStates: readonly Tensor3D[];
}

/**
 * Runs a prompt through the whole model: images, embeddings, all layers, logits. The caller owns all tensors of the
 * result.
 * @throws LatteFlowError `context-overflow`, or `invalid-argument` if image tokens and images do not match
 */
export function forwardPrompt(
  parameters: ParameterScope,
  config: VisionLanguageConfig,
  { inputs, logits: wanted = 'all', hiddenStates = false }: ForwardOptions & { readonly inputs: ModelInputs },
): ForwardOutput {
  return tidyResult(() => {
    const tensors = uploadInputs(config, inputs);
    const { rope, visibility, mask, end } = tensors;
    const embeddings = embedInputs(parameters, config, tensors);
    const decoded = runDecoder(decoderParameters(parameters, config), config.text, {
      embeddings,
      rope,
      visibility,
      hiddenStates,
    });
    const { hidden, layers } = decoded;
    const logits = projectRows(parameters, config, { hidden, wanted });
    return { logits, hidden, cache: { layers, mask, end }, hiddenStates: decoded.hiddenStates };
  });
}

/** Logits of every row of `[B, N, D]`, or of the last one. */
export function projectRows(
  parameters: ParameterScope,
  config: VisionLanguageConfig,
  { hidden, wanted }: { readonly hidden: Tensor3D; readonly wanted: 'all' | 'last' },
): Tensor3D {
  const [batch, length, width] = hidden.shape;
  const rows = wanted === 'all' ? hidden : slice(hidden, [0, length - 1, 0], [batch, 1, width]);
  return projectToVocabulary(parameters, config, rows);
}

/** Limits what is run of a model to its first layers. */
interface FirstLayers {
  /** Default: all of them. */
  readonly layers?: number;
}

/**
 * Keys and values of uploaded texts, layer by layer: device work alone, that can be captured. The caller owns them; the
 * tensors are borrowed.
 * @throws LatteFlowError `invalid-argument` for `layers` outside [1, numLayers]
 */
export function encodeTexts(
  parameters: ParameterScope,
  config: VisionLanguageConfig,
  { texts, layers: count = config.text.numLayers }: FirstLayers & { readonly texts: TextTensors },
): LayerCache[] {
  requireInteger('encode', 'layers', count, { min: 1, max: config.text.numLayers });
  return tidyResult(() => {
    const { rope, visibility } = texts;
    const embeddings = embedInputs(parameters, config, texts);
    const input = { embeddings, rope, visibility, layers: count };
    return encodeLayers(decoderParameters(parameters, config), config.text, input);
  });
}

/**
 * The key/value cache of a prompt without its logits: what the generation stream attends to. `layers` limits it to
 * the first so many layers, whose later part is not computed.
 * @throws LatteFlowError as `forwardPrompt`, and `invalid-argument` for `layers` outside [1, numLayers]
 */
export function encodePrompt(
  parameters: ParameterScope,
  config: VisionLanguageConfig,
  { inputs, layers }: FirstLayers & { readonly inputs: ModelInputs },
): ContextCache {
  return tidyResult(() => {
    const texts = uploadInputs(config, inputs);
    return { layers: encodeTexts(parameters, config, { texts, layers }), mask: texts.mask, end: texts.end };
  });
}
