import type { ParameterScope } from '@latte-flow/runtime';
import { add, tidy, type Tensor } from '@tensorflow/tfjs-core';

import { activate } from '../layers/activation.ts';
import { convolve } from '../layers/convolve.ts';
import { normalise } from '../layers/normalisation.ts';
import type { DcStage } from './dc-config.ts';

/** x + norm(conv2(act(conv1(x)))), `[B, H, W, C]`. `ResBlock` of diffusers' `AutoencoderDC`. */
export function residualBlock(x: Tensor, parameters: ParameterScope, { activation, norm }: DcStage): Tensor {
  return tidy(() => {
    const hidden = activate(convolve(x, parameters.scope('conv1')), activation);
    return add(normalise(convolve(hidden, parameters.scope('conv2')), parameters.scope('norm'), norm), x);
  });
}
