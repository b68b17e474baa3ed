import { depthwiseConvolution, groupedPointwise, linear, projections, swiglu } from '@latte-flow/ops';
import type { ParameterScope } from '@latte-flow/runtime';
import { add, concat, reshape, split, tidy, transpose, type Tensor } from '@tensorflow/tfjs-core';

import { activate } from '../layers/activation.ts';
import { convolve } from '../layers/convolve.ts';
import { normalise } from '../layers/normalisation.ts';
import type { DcStage } from './dc-config.ts';
import { linearAttention } from './linear-attention.ts';
import { headChannels } from './parameter-shapes.ts';

interface BlockConfig {
  readonly stage: DcStage;
  readonly headDim: number;
}

/** Queries, keys and values at every scale, `[B, H, W, 3 inner (1 + scales)]`. */
function multiscaleProjections(x: Tensor, parameters: ParameterScope, { stage, headDim }: BlockConfig): Tensor {
  const sides = ['to_q', 'to_k', 'to_v'].map((part) => ({ weight: parameters.weight(`${part}.weight`) }));
  const qkv = concat(projections(x, sides), 3);
  const scales = stage.multiscales.map((_, scale) => {
    const at = parameters.scope(`to_qkv_multiscale.${scale}`);
    const wide = depthwiseConvolution(qkv, at.get('proj_in.weight'));
    return groupedPointwise(wide, at.get('proj_out.weight'), (3 * headChannels(stage, headDim)) / headDim);
  });
  return scales.length === 0 ? qkv : concat([qkv, ...scales], 3);
}

/** x + norm(out(attention(x))). */
function attentionPart(x: Tensor, parameters: ParameterScope, config: BlockConfig): Tensor {
  const { stage, headDim } = config;
  const [batch, height, width] = x.shape as [number, number, number, number];
  return tidy(() => {
    const qkv = multiscaleProjections(x, parameters, config);
    const heads = qkv.shape[3]! / (3 * headDim);
    // A head is 3 E consecutive channels of what was joined, as in the reference: not its own part of q, k and v each.
    const tokens = reshape(qkv, [batch, height * width, heads, 3 * headDim]);
    const attended = linearAttention(transpose(tokens, [0, 2, 1, 3])); // [B, G, N, E]
    const joined = reshape(transpose(attended, [0, 2, 1, 3]), [batch, height, width, heads * headDim]);
    const y = linear(joined, parameters.weight('to_out.weight'));
    return add(normalise(y, parameters.scope('norm_out'), stage.norm), x);
  });
}

/** x + norm(point(a silu(gate))), where [a, gate] = depthwise(silu(inverted(x))). */
function gatedConvolutionPart(x: Tensor, parameters: ParameterScope): Tensor {
  return tidy(() => {
    const inverted = activate(convolve(x, parameters.scope('conv_inverted')), 'silu');
    const depth = parameters.scope('conv_depth');
    const both = depthwiseConvolution(inverted, depth.get('weight'), depth.get('bias'));
    const [a, gate] = split(both, 2, 3) as [Tensor, Tensor];
    const y = convolve(swiglu(gate, a), parameters.scope('conv_point'));
    return add(normalise(y, parameters.scope('norm'), 'rms_norm'), x);
  });
}

/** Attention of linear cost, then a gated convolution, `[B, H, W, C]`. `EfficientViTBlock` of diffusers' `AutoencoderDC`. */
export function efficientVitBlock(x: Tensor, parameters: ParameterScope, config: BlockConfig): Tensor {
  return tidy(() =>
    gatedConvolutionPart(attentionPart(x, parameters.scope('attn'), config), parameters.scope('conv_out')),
  );
}
