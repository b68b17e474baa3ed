import { gatedRmsNormAdd, linear, modulatedRmsNorm, projections, rmsNorm, swiglu } from '@latte-flow/ops';
import { residualAttention, type ResidualAttentionInputs } from '@latte-flow/residual-attention';
import type { ParameterScope } from '@latte-flow/runtime';
import { split, tidy, type Tensor } from '@tensorflow/tfjs-core';

import type { LatteFlowConfig } from '../config/latte-flow-config.ts';
import { attentionConfig } from './parameter-shapes.ts';

export interface LayerResult {
  /** `[B, N, D]`, owned by the caller. */
  readonly hidden: Tensor;
  /** `[B, H, N, N]`, owned by the caller; absent where residual attention is off. */
  readonly map?: Tensor;
}

function feedForward(x: Tensor, parameters: ParameterScope): Tensor {
  const sides = ['gate_proj', 'up_proj'].map((name) => ({ weight: parameters.weight(`${name}.weight`) }));
  const [gate, up] = projections(x, sides) as [Tensor, Tensor];
  return linear(swiglu(gate, up), parameters.weight('down_proj.weight'));
}

/**
 * RMS -> attention -> RMS -> scale -> add; RMS -> scale, shift -> SwiGLU -> RMS -> scale -> add. The scales and the
 * shift are one linear map of the condition.
 *
 * @param inputs `x` is the layer's input `[B, N, D]`, not normalised yet
 * @see `FlowLayer.forward` of the reference
 */
export function generationLayer(
  inputs: ResidualAttentionInputs,
  parameters: ParameterScope,
  config: LatteFlowConfig,
): LayerResult {
  const { x, condition } = inputs;
  const weight = (name: string): Tensor => parameters.get(`${name}.weight`);
  const eps = config.rmsNormEps;
  return tidy(() => {
    const modulation = linear(condition, parameters.weight('modulation.weight'), parameters.get('modulation.bias'));
    const [attentionScale, mlpScale, mlpShift, mlpOut] = split(modulation, 4, 1) as [Tensor, Tensor, Tensor, Tensor];
    const { output, map } = residualAttention(
      { ...inputs, x: rmsNorm(x, weight('input_layernorm'), eps) },
      parameters.scope('self_attn'),
      attentionConfig(config),
    );
    const attended = gatedRmsNormAdd(x, attentionScale, output, weight('post_attention_norm'), eps);
    const modulated = modulatedRmsNorm(attended, weight('pre_mlp_norm'), mlpScale, mlpShift, eps);
    const fed = feedForward(modulated, parameters.scope('mlp'));
    const hidden = gatedRmsNormAdd(attended, mlpOut, fed, weight('post_mlp_norm'), eps);
    return { hidden, map };
  });
}
