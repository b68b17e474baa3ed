import { requireShape } from '@latte-flow/core';
import type { Tensor } from '@tensorflow/tfjs-core';

import type { LatentStatistics } from '../config/latent-statistics.ts';

/** Adds up unscaled latents, batch by batch, in float64 on the host. */
export class LatentMoments {
  readonly #sums: Float64Array;
  readonly #squares: Float64Array;
  #count = 0;

  constructor(channels: number) {
    this.#sums = new Float64Array(channels);
    this.#squares = new Float64Array(channels);
  }

  /** Latents `[B, C, h, w]`, borrowed. */
  async add(latents: Tensor): Promise<void> {
    const channels = this.#sums.length;
    requireShape('LatentMoments.add', 'latents', latents.shape, ['B', channels, 'h', 'w']);
    const values = await latents.data();
    const plane = latents.shape[2]! * latents.shape[3]!;
    values.forEach((value, i) => {
      const channel = Math.floor(i / plane) % channels;
      this.#sums[channel]! += value;
      this.#squares[channel]! += value * value;
    });
    this.#count += values.length / channels;
  }

  /** Of each channel. */
  statistics(): LatentStatistics {
    const mean = [...this.#sums].map((sum) => sum / this.#count);
    const std = mean.map((m, i) => Math.sqrt(Math.max(0, this.#squares[i]! / this.#count - m * m)));
    return { mean, std };
  }

  /** 1 / the standard deviation over all channels: what brings latents to the size of standard normals. */
  scalingFactor(): number {
    const { mean, std } = this.statistics();
    const average = (values: readonly number[]): number => values.reduce((sum, v) => sum + v, 0) / values.length;
    const centre = average(mean);
    return 1 / Math.sqrt(average(mean.map((m, i) => (m - centre) ** 2 + std[i]! ** 2)));
  }
}
