import {
  attention,
  joinHeads,
  linear,
  rmsNorm,
  splitHeads,
  swiglu,
  type RopeTables,
  type Visibility,
} from '@latte-flow/ops';
import type { ParameterScope } from '@latte-flow/runtime';
import { add, type Tensor, type Tensor3D, type Tensor4D } from '@tensorflow/tfjs-core';

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

/** `x W^T`, plus the bias where the decoder's attention has one. */
function project(x: Tensor, scope: ParameterScope, { name, config }: { name: string; config: DecoderConfig }): Tensor {
  const bias = config.attentionBias === false ? undefined : scope.get(`${name}.bias`);
  return linear(x, scope.weight(`${name}.weight`), bias);
}

function projectKeyValue(
  normed: Tensor3D,
  scope: ParameterScope,
  { config, rope }: { config: DecoderConfig; rope: RopeTables },
): LayerCache {
  const heads = (name: string, tables?: RopeTables): Tensor4D =>
    splitHeads(project(normed, scope, { name, config }), config.numKeyValueHeads, tables) as Tensor4D;
  return { key: heads('k_proj', rope), value: heads('v_proj') };
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
  const normed = rmsNorm(x, scope.get('input_layernorm.weight'), rmsNormEps) as Tensor3D;
  const cache = projectKeyValue(normed, self, { config, rope });
  const { output } = attention({
    query: splitHeads(project(normed, self, { name: 'q_proj', config }), numHeads, rope),
    ...cache,
    visibility,
    ...(past === undefined ? {} : { context: past }),
  });
  const attended = add(x, linear(joinHeads(output), self.weight('o_proj.weight')));
  const inner = rmsNorm(attended, scope.get('post_attention_layernorm.weight'), rmsNormEps);
  const gated = swiglu(linear(inner, mlp.weight('gate_proj.weight')), linear(inner, mlp.weight('up_proj.weight')));
  return { hidden: add(attended, linear(gated, mlp.weight('down_proj.weight'))) as Tensor3D, cache };
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
          const normed = rmsNorm(previous, layer.get('input_layernorm.weight'), config.rmsNormEps) as Tensor3D;
          return projectKeyValue(normed, layer.scope('self_attn'), { config, rope: input.rope });
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
