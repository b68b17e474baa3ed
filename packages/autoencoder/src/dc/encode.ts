import { averageChannels } from '@latte-flow/ops';
import type { ParameterScope } from '@latte-flow/runtime';
import { add, tidy, type Tensor, type Tensor4D } from '@tensorflow/tfjs-core';

import { chain } from '../layers/chain.ts';
import { convolve } from '../layers/convolve.ts';
import { hasSampler, type DcAutoencoderConfig, type DcStage } from './dc-config.ts';
import { efficientVitBlock } from './efficient-vit-block.ts';
import { residualBlock } from './residual-block.ts';
import { downsample } from './samplers.ts';

type Step = (x: Tensor) => Tensor;

/** The blocks of a stage; `first` is the index of the first one's name. */
export function blockSteps(
  parameters: ParameterScope,
  { stage, first, headDim }: { readonly stage: DcStage; readonly first: number; readonly headDim: number },
): Step[] {
  return Array.from({ length: stage.layers }, (_, i): Step => {
    const block = parameters.scope(`${first + i}`);
    return stage.block === 'ResBlock'
      ? (x) => residualBlock(x, block, stage)
      : (x) => efficientVitBlock(x, block, { stage, headDim });
  });
}

/**
 * The encoder of a DC-AE over channels that come last; differentiable.
 *
 * @param x `[B, H, W, C]` in [-1, 1], H and W multiples of the factor
 * @returns unscaled latents `[B, h, w, latentChannels]`, owned by the caller
 * @see `Encoder` of diffusers' `AutoencoderDC`
 */
export function dcEncode(x: Tensor4D, parameters: ParameterScope, config: DcAutoencoderConfig): Tensor4D {
  const { encoder: stages, attentionHeadDim: headDim, latentChannels, encoderOutShortcut } = config;
  const encoder = parameters.scope('encoder');
  const first: Step =
    stages[0]!.layers > 0
      ? (y) => convolve(y, encoder.scope('conv_in'))
      : (y) => downsample(y, encoder.scope('conv_in'), { config, shortcut: false });
  const middle = stages.flatMap((stage, i): Step[] => {
    const names = encoder.scope(`down_blocks.${i}`);
    const blocks = blockSteps(names, { stage, first: 0, headDim });
    if (!hasSampler(stages, i)) return blocks;
    return [...blocks, (y) => downsample(y, names.scope(`${stage.layers}`), { config, shortcut: true })];
  });
  const last: Step = (y) => {
    const z = convolve(y, encoder.scope('conv_out'));
    return encoderOutShortcut ? add(z, averageChannels(y, latentChannels)) : z;
  };
  return tidy(() => chain(x, [first, ...middle, last]) as Tensor4D);
}
