import { hasSampler, outerChannels, type DcAutoencoderConfig, type DcStage } from './dc-config.ts';

/** The gated convolution of an EfficientViT block is 8 times as wide as the block. */
const GATED = 8;

/** Widths of a stage's tensors, for each of its pixels. */
function stageWidth({ channels, layers, block, multiscales }: DcStage): number {
  if (layers === 0 || block === 'ResBlock') return channels;
  return channels * Math.max(GATED, 3 * (1 + multiscales.length));
}

function halfValues(stages: readonly DcStage[], { samplerWidth }: { samplerWidth: number }): number {
  let scale = stages[0]!.layers > 0 ? 1 : 2;
  let largest = outerChannels(stages) / scale ** 2;
  stages.forEach((stage, i) => {
    largest = Math.max(largest, stageWidth(stage) / scale ** 2);
    if (!hasSampler(stages, i)) return;
    // What a sampler makes before pixels become channels, or after channels have become pixels.
    largest = Math.max(largest, (samplerWidth * Math.max(stage.channels, stages[i + 1]!.channels)) / scale ** 2);
    scale *= 2;
  });
  return largest;
}

/** Values of the largest tensor that encoder or decoder makes, for each pixel of the picture. */
export function dcValuesPerPixel(config: DcAutoencoderConfig): number {
  return Math.ceil(
    Math.max(
      config.inChannels,
      halfValues(config.encoder, { samplerWidth: 1 }),
      halfValues(config.decoder, { samplerWidth: 1 }),
    ),
  );
}
