import { ConfigFields, refuseConfig, requireCount, type JsonObject } from '../config/json-object.ts';
import { activationNames, type ActivationName } from '../dc/dc-config.ts';

/** A tiny autoencoder: `config.json` of diffusers' `AutoencoderTiny`. */
export interface TinyAutoencoderConfig {
  readonly inChannels: number;
  readonly latentChannels: number;
  /** Width of all layers. */
  readonly channels: number;
  /** Blocks at each resolution, from the picture's size down. */
  readonly encoderBlocks: readonly number[];
  /** Blocks at each resolution, from the latents' size up. */
  readonly decoderBlocks: readonly number[];
  readonly activation: ActivationName;
  readonly scalingFactor: number;
}

function requireOneWidth(name: string, widths: readonly number[]): number {
  const [first] = widths;
  const other = widths.find((width) => width !== first);
  if (other !== undefined) refuseConfig(`${name} to be equal, as diffusers' layers need them`, `${first} and ${other}`);
  return first!;
}

/**
 * Reads the `config.json` of diffusers' `AutoencoderTiny`; fields that are left out have its defaults.
 * @throws LatteFlowError `checkpoint-invalid` naming the field
 */
export function parseTinyAutoencoderConfig(json: unknown): TinyAutoencoderConfig {
  const fields = new ConfigFields(json);
  const widths = [64, 64, 64, 64];
  const encoderWidths = fields.integers('encoder_block_out_channels', widths);
  const decoderWidths = fields.integers('decoder_block_out_channels', widths);
  const encoderBlocks = fields.integers('num_encoder_blocks', [1, 3, 3, 3], 0);
  const decoderBlocks = fields.integers('num_decoder_blocks', [3, 3, 3, 1], 0);
  requireCount('num_encoder_blocks', encoderBlocks, encoderWidths.length);
  requireCount('num_decoder_blocks', decoderBlocks, decoderWidths.length);
  requireCount('decoder_block_out_channels', decoderWidths, encoderWidths.length);
  const inChannels = fields.integer('in_channels', 3);
  const doubling = fields.integer('upsampling_scaling_factor', 2);
  if (doubling !== 2) refuseConfig('upsampling_scaling_factor to be 2', `${doubling}`);
  const outChannels = fields.integer('out_channels', inChannels);
  if (outChannels !== inChannels) refuseConfig('out_channels to equal in_channels', `${outChannels}, ${inChannels}`);
  fields.oneOf('upsample_fn', ['nearest'], 'nearest');
  return {
    inChannels,
    latentChannels: fields.integer('latent_channels', 4),
    channels: requireOneWidth('block_out_channels', [...encoderWidths, ...decoderWidths]),
    encoderBlocks,
    decoderBlocks,
    activation: fields.oneOf('act_fn', activationNames, 'relu'),
    scalingFactor: fields.positive('scaling_factor', 1),
  };
}

/** The inverse of `parseTinyAutoencoderConfig`, in diffusers' spelling. */
export function serialiseTinyAutoencoderConfig(config: TinyAutoencoderConfig): JsonObject {
  const widths = config.encoderBlocks.map(() => config.channels);
  return {
    _class_name: 'AutoencoderTiny',
    in_channels: config.inChannels,
    out_channels: config.inChannels,
    latent_channels: config.latentChannels,
    encoder_block_out_channels: widths,
    decoder_block_out_channels: widths,
    num_encoder_blocks: config.encoderBlocks,
    num_decoder_blocks: config.decoderBlocks,
    act_fn: config.activation,
    scaling_factor: config.scalingFactor,
  };
}
