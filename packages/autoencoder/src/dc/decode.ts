import { repeatChannels } from '@latte-flow/ops';
import type { ParameterScope } from '@latte-flow/runtime';
import { add, tidy, type Tensor, type Tensor4D } from '@tensorflow/tfjs-core';

import { activate } from '../layers/activation.ts';
import { chain } from '../layers/chain.ts';
import { convolve } from '../layers/convolve.ts';
import { normalise } from '../layers/normalisation.ts';
import { hasSampler, type DcAutoencoderConfig } from './dc-config.ts';
import { blockSteps } from './encode.ts';
import { firstBlock } from './parameter-shapes.ts';
import { upsample } from './samplers.ts';

/**
 * The decoder of a DC-AE over channels that come last; differentiable.
 *
 * @param z unscaled latents `[B, h, w, latentChannels]`
 * @returns `[B, H, W, C]`, about [-1, 1] and not clipped to it, owned by the caller
 * @see `Decoder` of diffusers' `AutoencoderDC`
 */
export function dcDecode(z: Tensor4D, parameters: ParameterScope, config: DcAutoencoderConfig): Tensor4D {
  const { decoder: stages, attentionHeadDim: headDim } = config;
  const decoder = parameters.scope('decoder');
  const first = (y: Tensor): Tensor => {
    const wide = convolve(y, decoder.scope('conv_in'));
    return config.decoderInShortcut ? add(wide, repeatChannels(y, stages.at(-1)!.channels)) : wide;
  };
  const middle = stages
    .map((stage, i) => {
      const names = decoder.scope(`up_blocks.${i}`);
      const blocks = blockSteps(names, { stage, first: firstBlock(stages, i), headDim });
      if (!hasSampler(stages, i)) return blocks;
      return [(y: Tensor) => upsample(y, names.scope('0'), { config, shortcut: true }), ...blocks];
    })
    .toReversed()
    .flat();
  const norm = (y: Tensor): Tensor =>
    activate(normalise(y, decoder.scope('norm_out'), 'rms_norm'), config.decoderConvActivation);
  const out = decoder.scope('conv_out');
  const last = (y: Tensor): Tensor =>
    stages[0]!.layers > 0 ? convolve(y, out) : upsample(y, out, { config, shortcut: false });
  return tidy(() => chain(z, [first, ...middle, norm, last]) as Tensor4D);
}
