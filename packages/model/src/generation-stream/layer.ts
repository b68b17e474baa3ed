import { gatedAdd, linear, modulate, rmsNorm, swiglu } from '@latte-flow/ops';
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
  const gate = linear(x, parameters.get('gate_proj.weight'));
  const up = linear(x, parameters.get('up_proj.weight'));
  return linear(swiglu(gate, up), parameters.get('down_proj.weight'));
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
  const norm = (value: Tensor, name: string) => rmsNorm(value, parameters.get(`${name}.weight`), config.rmsNormEps);
  return tidy(() => {
    const modulation = linear(condition, parameters.get('modulation.weight'), parameters.get('modulation.bias'));
    const [attentionScale, mlpScale, mlpShift, mlpOut] = split(modulation, 4, 1) as [Tensor, Tensor, Tensor, Tensor];
    const { output, map } = residualAttention(
      { ...inputs, x: norm(x, 'input_layernorm') },
      parameters.scope('self_attn'),
      attentionConfig(config),
    );
    const attended = gatedAdd(x, attentionScale, norm(output, 'post_attention_norm'));
    const modulated = modulate(norm(attended, 'pre_mlp_norm'), mlpScale, mlpShift);
    const hidden = gatedAdd(attended, mlpOut, norm(feedForward(modulated, parameters.scope('mlp')), 'post_mlp_norm'));
    return { hidden, map };
  });
}
