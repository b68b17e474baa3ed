export type { Autoencoder, DecodeOptions, EncodeOptions } from './autoencoder.ts';
export type { LatentStatistics } from './config/latent-statistics.ts';
export { DcAutoencoder } from './dc-autoencoder.ts';
export { parseDcAutoencoderConfig, serialiseDcAutoencoderConfig, spatialFactor } from './dc/dc-config.ts';
export type { ActivationName, BlockType, DcAutoencoderConfig, DcStage, NormType } from './dc/dc-config.ts';
export { dcParameterShapes } from './dc/parameter-shapes.ts';
export type { LoadOptions } from './load-weights.ts';
export type { TileOptions } from './tiling/tile-grid.ts';
