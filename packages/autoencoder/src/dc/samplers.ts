import { averageChannels, repeatChannels } from '@latte-flow/ops';
import type { ParameterScope } from '@latte-flow/runtime';
import { add, tidy, type Tensor } from '@tensorflow/tfjs-core';

import { convolve } from '../layers/convolve.ts';
import { pixelShuffle, pixelUnshuffle } from '../layers/pixel-shuffle.ts';
import type { DcAutoencoderConfig } from './dc-config.ts';

interface SamplerOptions {
  readonly config: Pick<DcAutoencoderConfig, 'downsample' | 'upsample'>;
  /** Adds the same pixels, brought to the new size without a weight. */
  readonly shortcut: boolean;
}

/** `[B, 2h, 2w, C]` -> `[B, h, w, D]`. `DCDownBlock2d` of diffusers. */
export function downsample(x: Tensor, parameters: ParameterScope, { config, shortcut }: SamplerOptions): Tensor {
  return tidy(() => {
    const convolution = parameters.scope('conv');
    const y = config.downsample === 'conv' ? convolve(x, convolution, 2) : pixelUnshuffle(convolve(x, convolution));
    return shortcut ? add(y, averageChannels(pixelUnshuffle(x), y.shape[3])) : y;
  });
}

/** `[B, h, w, C]` -> `[B, 2h, 2w, D]`. `DCUpBlock2d` of diffusers. */
export function upsample(x: Tensor, parameters: ParameterScope, { config, shortcut }: SamplerOptions): Tensor {
  return tidy(() => {
    const convolution = parameters.scope('conv');
    const doubled = (): Tensor => pixelShuffle(repeatChannels(x, 4 * x.shape[3]!)); // every pixel four times
    const y =
      config.upsample === 'interpolate' ? convolve(doubled(), convolution) : pixelShuffle(convolve(x, convolution));
    return shortcut ? add(y, pixelShuffle(repeatChannels(x, 4 * y.shape[3]))) : y;
  });
}
