import {
  attention,
  joinHeads,
  linear,
  projections,
  rmsNorm,
  splitHeads,
  swiglu,
  type RopeTables,
  type Visibility,
} from '@latte-flow/ops';
import type { ParameterScope } from '@latte-flow/runtime';
import type { Tensor, Tensor3D, Tensor4D } from '@tensorflow/tfjs-core';

import type { DecoderConfig } from './decoder-config.ts';
import { tidyResult } from './tidy-result.ts';

/** Keys after RoPE and raw values of one layer, float32 `[B, G, T, E]`. */
export interface LayerCache {
  readonly key: Tensor4D;
  readonly value: Tensor4D;
}

export interface DecoderInput {
  /** float32 `[B, N, D]` */
  readonly embeddings: Tensor3D;
  /** `[B, N, E]`, for the positions of the new tokens. */
  readonly rope: RopeTables;
  /** Causal, over T + N keys. */
  readonly visibility: Visibility;
  /** What was run before, one entry a layer. */
  readonly past?: readonly LayerCache[];
}

export interface DecoderOutput {
  /** float32 `[B, N, D]` after the final norm. */
  readonly hidden: Tensor3D;
  /** Cache entries of the new tokens only, one a layer. */
  readonly layers: LayerCache[];
  /** The raw output of every layer, where asked for. */
  readonly hiddenStates: Tensor3D[];
}

/** The attention's projections of those names, with their biases where the decoder's has some: `[B, N, heads * E]` each. */
function project(
  normed: Tensor,
  scope: ParameterScope,
  { names, config }: { names: readonly string[]; config: DecoderConfig },
): Tensor[] {
  const sides = names.map((name) => ({
    weight: scope.weight(`${name}.weight`),
    ...(config.attentionBias !== false && { bias: scope.get(`${name}.bias`) }),
  }));
  return projections(normed, sides);
}

function cacheOf(
  [key, value]: readonly Tensor[],
  { config, rope }: { config: DecoderConfig; rope: RopeTables },
): LayerCache {
  const { numKeyValueHeads } = config;
  return {
    key: splitHeads(key!, numKeyValueHeads, rope) as Tensor4D,
    value: splitHeads(value!, numKeyValueHeads) as Tensor4D,
  };
}

/** One pre-norm layer: `x += o(attention(norm x))`, `x += down(silu(gate n) * up n)` with `n = norm x`. */
function runLayer(
  x: Tensor3D,
  scope: ParameterScope,
  { config, input, past }: { config: DecoderConfig; input: DecoderInput; past: LayerCache | undefined },
): { hidden: Tensor3D; cache: LayerCache } {
  const { numHeads, rmsNormEps } = config;
  const { rope, visibility } = input;
  const self = scope.scope('self_attn');
  const mlp = scope.scope('mlp');
  const normed = rmsNorm(x, scope.get('input_layernorm.weight'), rmsNormEps);
  const [query, ...keyValue] = project(normed, self, { names: ['q_proj', 'k_proj', 'v_proj'], config });
  const cache = cacheOf(keyValue, { config, rope });
  const { output } = attention({
    query: splitHeads(query!, numHeads, rope),
    ...cache,
    visibility,
    ...(past === undefined ? {} : { context: past }),
  });
  const attended = linear(joinHeads(output), self.weight('o_proj.weight'), undefined, { residual: x });
  const inner = rmsNorm(attended, scope.get('post_attention_layernorm.weight'), rmsNormEps);
  const [gate, up] = projections(
    inner,
    ['gate_proj', 'up_proj'].map((name) => ({ weight: mlp.weight(`${name}.weight`) })),
  ) as [Tensor, Tensor];
  const fed = linear(swiglu(gate, up), mlp.weight('down_proj.weight'), undefined, { residual: attended });
  return { hidden: fed as Tensor3D, cache };
}

/**
 * Runs all layers and the final norm over N new tokens, after `past` if given. Causal. The caller owns every tensor
 * of the result; `scope` holds `layers.*` and `norm.weight`. Differentiable.
 */
export function runDecoder(
  scope: ParameterScope,
  config: DecoderConfig,
  { hiddenStates: wanted = false, ...input }: DecoderInput & { readonly hiddenStates?: boolean },
): DecoderOutput {
  return tidyResult(() => {
    let hidden = input.embeddings;
    const layers: LayerCache[] = [];
    const hiddenStates: Tensor3D[] = [];
    for (let i = 0; i < config.numLayers; i++) {
      const previous = hidden;
      const output = tidyResult(() =>
        runLayer(previous, scope.scope(`layers.${i}`), { config, input, past: input.past?.[i] }),
      );
      // Only the cache and the states asked for outlive a layer: deep models would not fit otherwise.
      if (i > 0 && !wanted) previous.dispose();
      hidden = output.hidden;
      layers.push(output.cache);
      if (wanted) hiddenStates.push(hidden);
    }
    return { hidden: rmsNorm(hidden, scope.get('norm.weight'), config.rmsNormEps) as Tensor3D, layers, hiddenStates };
  });
}

/**
 * Keys and values of the first `layers` layers, without what only later ones or the logits need: the last one
 * projects keys and values and stops. The caller owns the result. Not meant for gradients.
 */
export function encodeLayers(
  scope: ParameterScope,
  config: DecoderConfig,
  { layers: count, ...input }: DecoderInput & { readonly layers: number },
): LayerCache[] {
  return tidyResult(() => {
    let hidden = input.embeddings;
    const layers: LayerCache[] = [];
    for (let i = 0; i < count; i++) {
      const previous = hidden;
      const layer = scope.scope(`layers.${i}`);
      if (i === count - 1) {
        const last = tidyResult(() => {
          const normed = rmsNorm(previous, layer.get('input_layernorm.weight'), config.rmsNormEps);
          const keyValue = project(normed, layer.scope('self_attn'), { names: ['k_proj', 'v_proj'], config });
          return cacheOf(keyValue, { config, rope: input.rope });
        });
        layers.push(last);
        break;
      }
      const output = tidyResult(() => runLayer(previous, layer, { config, input, past: input.past?.[i] }));
      if (i > 0) previous.dispose();
      hidden = output.hidden;
      layers.push(output.cache);
    }
    return layers;
  });
}
