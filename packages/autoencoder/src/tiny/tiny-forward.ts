import { repeatChannels } from '@latte-flow/ops';
import type { ParameterScope } from '@latte-flow/runtime';
import { add, mul, relu, sub, tanh, tidy, type Tensor, type Tensor4D } from '@tensorflow/tfjs-core';

import { activate } from '../layers/activation.ts';
import { chain } from '../layers/chain.ts';
import { convolve } from '../layers/convolve.ts';
import { pixelShuffle } from '../layers/pixel-shuffle.ts';
import type { TinyAutoencoderConfig } from './tiny-config.ts';
import { BLOCK_CONVOLUTIONS, tinyDecoderLayers, tinyEncoderLayers, type TinyLayer } from './tiny-layers.ts';

/** Latents beyond this are squashed before they are decoded. */
const MAGNITUDE = 3;

type Step = (x: Tensor) => Tensor;

/** relu(conv(act(conv(act(conv(x))))) + x). */
function block(x: Tensor, parameters: ParameterScope, { activation }: TinyAutoencoderConfig): Tensor {
  const y = BLOCK_CONVOLUTIONS.reduce<Tensor>(
    (hidden, at) => convolve(at === 0 ? hidden : activate(hidden, activation), parameters.scope(`conv.${at}`)),
    x,
  );
  return relu(add(y, x));
}

function stepOf(layer: TinyLayer, parameters: ParameterScope, config: TinyAutoencoderConfig): Step {
  switch (layer.kind) {
    case 'activation':
      return (x) => activate(x, config.activation);
    case 'upsample':
      return (x) => pixelShuffle(repeatChannels(x, 4 * x.shape[3]!)); // every pixel four times
    case 'block':
      return (x) => block(x, parameters, config);
    case 'convolution':
      return (x) => convolve(x, parameters, layer.stride);
  }
}

const steps = (layers: readonly TinyLayer[], half: ParameterScope, config: TinyAutoencoderConfig): Step[] =>
  layers.map((layer, i) => stepOf(layer, half.scope(`layers.${i}`), config));

/**
 * The encoder of a tiny autoencoder over channels that come last: `[B, H, W, C]` in [-1, 1] -> latents, owned by the caller.
 * @see `EncoderTiny` of diffusers
 */
export function tinyEncode(x: Tensor4D, parameters: ParameterScope, config: TinyAutoencoderConfig): Tensor4D {
  const half = parameters.scope('encoder');
  const toUnit: Step = (images) => mul(add(images, 1), 0.5);
  return tidy(() => chain(x, [toUnit, ...steps(tinyEncoderLayers(config), half, config)]) as Tensor4D);
}

/**
 * The decoder of a tiny autoencoder over channels that come last: latents -> `[B, H, W, C]` about [-1, 1], owned by the caller.
 * @see `DecoderTiny` of diffusers
 */
export function tinyDecode(z: Tensor4D, parameters: ParameterScope, config: TinyAutoencoderConfig): Tensor4D {
  const half = parameters.scope('decoder');
  const squash: Step = (latents) => mul(tanh(mul(latents, 1 / MAGNITUDE)), MAGNITUDE);
  const fromUnit: Step = (images) => sub(mul(images, 2), 1);
  return tidy(() => chain(z, [squash, ...steps(tinyDecoderLayers(config), half, config), fromUnit]) as Tensor4D);
}
