import { requireOneOf, requireShape } from '@latte-flow/core';
import {
  attention,
  joinHeads,
  linear,
  projections,
  splitHeads,
  type Projection,
  type ResidualMap,
  type RopeTables,
  type Visibility,
} from '@latte-flow/ops';
import type { ParameterScope } from '@latte-flow/runtime';
import { tanh, tidy, type Tensor } from '@tensorflow/tfjs-core';

import { residualModes, type ResidualAttentionConfig } from './config.ts';
import { residualAttentionShapes } from './parameters.ts';

export interface ResidualAttentionInputs {
  /** `[B, N, D]`: normalised latents. All tensors are borrowed. */
  readonly x: Tensor;
  /** `[B, D]`: silu of the time embedding. */
  readonly condition: Tensor;
  /** Rotations of the latents' positions, `[B, N, E]`. */
  readonly rope: RopeTables;
  /** Keys (after RoPE) and values of the multimodal context, `[B, G, T, E]` each. */
  readonly context?: { readonly key: Tensor; readonly value: Tensor };
  /** Which context tokens are visible. Default: all. */
  readonly visibility?: Visibility;
  /** `[B, H, N, N]`: the map that the previous layer of the group carried; absent in the group's first layer. */
  readonly previous?: Tensor;
}

export interface ResidualAttentionResult {
  /** `[B, N, D]`, owned by the caller. */
  readonly output: Tensor;
  /** `[B, H, N, N]`: the map to hand to the next layer of the group; absent in mode `off`. Owned by the caller. */
  readonly map?: Tensor;
}

function projection(parameters: ParameterScope, name: string): Projection {
  const bias = parameters.has(`${name}.bias`) ? parameters.get(`${name}.bias`) : undefined;
  return { weight: parameters.weight(`${name}.weight`), bias };
}

/** Refuses parameters of other sizes than the config's, which would fail deep inside. */
function requireParameters(parameters: ParameterScope, hiddenSize: number, config: ResidualAttentionConfig): void {
  for (const [name, shape] of residualAttentionShapes(hiddenSize, config)) {
    requireShape('residualAttention', name, parameters.shape(name), shape);
  }
}

/**
 * How much of the previous map each head adds: tanh(W condition + b), `[B, H]`. Zero at initialisation. Owned by the
 * caller.
 */
export function residualGate(condition: Tensor, parameters: ParameterScope): Tensor {
  return tidy(() => {
    const { weight, bias } = projection(parameters, 'residual_gate');
    return tanh(linear(condition, weight, bias));
  });
}

/**
 * Timestep-conditioned residual attention: latents attend, without a causal mask, to the context and to each other,
 * and each head adds its gated share of the previous layer's image-to-image map, A^l <- A^l + gate A^(l-1).
 *
 * @param parameters the tensors that `residualAttentionShapes` names
 * @throws LatteFlowError `shape-mismatch`, `invalid-argument`, or `checkpoint-mismatch` if a parameter is missing
 * @see arXiv 2506.06952, timestep-conditioned residual attention; `FlowAttention.forward` of the reference
 */
export function residualAttention(
  inputs: ResidualAttentionInputs,
  parameters: ParameterScope,
  config: ResidualAttentionConfig,
): ResidualAttentionResult {
  const { x, condition, rope, context, visibility, previous } = inputs;
  const { B, D } = requireShape('residualAttention', 'x', x.shape, ['B', 'N', 'D']);
  requireShape('residualAttention', 'condition', condition.shape, [B!, D!]);
  const mode = requireOneOf('residualAttention', 'residual', config.residual, residualModes);
  requireParameters(parameters, D!, config);
  return tidy(() => {
    const sides = ['q_proj', 'k_proj', 'v_proj'].map((name) => projection(parameters, name));
    const [q, k, v] = projections(x, sides) as [Tensor, Tensor, Tensor]; // [B, N, heads E]
    const query = splitHeads(q, config.numHeads, rope);
    const key = splitHeads(k, config.numKvHeads, rope);
    const value = splitHeads(v, config.numKvHeads);
    const residual: ResidualMap | undefined =
      mode === 'off'
        ? undefined
        : previous === undefined
          ? { form: mode }
          : { form: mode, previous, gate: residualGate(condition, parameters) };
    const { output, map } = attention({ query, key, value, context, visibility, residual });
    return { output: linear(joinHeads(output), parameters.weight('o_proj.weight')), map };
  });
}
