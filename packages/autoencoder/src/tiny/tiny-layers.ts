import type { Shape } from '@latte-flow/core';

import type { TinyAutoencoderConfig } from './tiny-config.ts';

/** One layer of a stack; its index in the stack is its name. */
export type TinyLayer =
  | { readonly kind: 'activation' | 'upsample' }
  | { readonly kind: 'block' }
  | {
      readonly kind: 'convolution';
      readonly inputs: number;
      readonly outputs: number;
      readonly stride: number;
      readonly bias: boolean;
    };

/** The layers of the encoder in their order. `EncoderTiny` of diffusers. */
export function tinyEncoderLayers({
  inChannels,
  latentChannels,
  channels,
  encoderBlocks,
}: TinyAutoencoderConfig): TinyLayer[] {
  const stages = encoderBlocks.flatMap((blocks, i): TinyLayer[] => [
    i === 0
      ? { kind: 'convolution', inputs: inChannels, outputs: channels, stride: 1, bias: true }
      : { kind: 'convolution', inputs: channels, outputs: channels, stride: 2, bias: false },
    ...Array.from({ length: blocks }, () => ({ kind: 'block' }) as const),
  ]);
  return [...stages, { kind: 'convolution', inputs: channels, outputs: latentChannels, stride: 1, bias: true }];
}

/** The layers of the decoder in their order. `DecoderTiny` of diffusers. */
export function tinyDecoderLayers({
  inChannels,
  latentChannels,
  channels,
  decoderBlocks,
}: TinyAutoencoderConfig): TinyLayer[] {
  const stages = decoderBlocks.flatMap((blocks, i): TinyLayer[] => {
    const isLast = i === decoderBlocks.length - 1;
    return [
      ...Array.from({ length: blocks }, () => ({ kind: 'block' }) as const),
      ...(isLast ? [] : [{ kind: 'upsample' } as const]),
      { kind: 'convolution', inputs: channels, outputs: isLast ? inChannels : channels, stride: 1, bias: isLast },
    ];
  });
  return [
    { kind: 'convolution', inputs: latentChannels, outputs: channels, stride: 1, bias: true },
    { kind: 'activation' },
    ...stages,
  ];
}

/** Indices of the convolutions inside a block, between activations. */
export const BLOCK_CONVOLUTIONS = [0, 2, 4] as const;

/** Names and shapes of all parameters, as diffusers' `AutoencoderTiny` spells them. */
export function tinyParameterShapes(config: TinyAutoencoderConfig): ReadonlyMap<string, Shape> {
  const { channels } = config;
  const shapes = new Map<string, Shape>();
  const put = (name: string, layer: { inputs: number; outputs: number; bias: boolean }): void => {
    shapes.set(`${name}.weight`, [layer.outputs, layer.inputs, 3, 3]);
    if (layer.bias) shapes.set(`${name}.bias`, [layer.outputs]);
  };
  for (const [half, layers] of [
    ['encoder', tinyEncoderLayers(config)],
    ['decoder', tinyDecoderLayers(config)],
  ] as const) {
    layers.forEach((layer, i) => {
      const name = `${half}.layers.${i}`;
      if (layer.kind === 'convolution') put(name, layer);
      if (layer.kind !== 'block') return;
      for (const at of BLOCK_CONVOLUTIONS)
        put(`${name}.conv.${at}`, { inputs: channels, outputs: channels, bias: true });
    });
  }
  return shapes;
}
