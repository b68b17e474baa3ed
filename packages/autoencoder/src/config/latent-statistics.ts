import { refuseConfig, requireCount, type ConfigFields, type JsonObject } from './json-object.ts';

/** Mean and standard deviation of unscaled latents over pictures of the training data, channel by channel. */
export interface LatentStatistics {
  readonly mean: readonly number[];
  readonly std: readonly number[];
}

/** `latents_mean` and `latents_std` of config.json; undefined where there are none. */
export function parseLatentStatistics(fields: ConfigFields, channels: number): LatentStatistics | undefined {
  const mean = fields.numbers('latents_mean');
  const std = fields.numbers('latents_std');
  if (mean === undefined && std === undefined) return undefined;
  if (mean === undefined || std === undefined) refuseConfig('latents_mean and latents_std', 'one of them');
  requireCount('latents_mean', mean, channels);
  requireCount('latents_std', std, channels);
  if (std.some((value) => value <= 0)) refuseConfig('latents_std to be above 0', `${Math.min(...std)}`);
  return { mean, std };
}

/** The inverse of `parseLatentStatistics`. */
export function serialiseLatentStatistics(statistics: LatentStatistics | undefined): JsonObject {
  return statistics === undefined ? {} : { latents_mean: statistics.mean, latents_std: statistics.std };
}
