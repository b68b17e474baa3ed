import { eventTurns, throwIfAborted, type OnProgress } from '@latte-flow/core';
import { slice, tensor, tidy, type Tensor4D } from '@tensorflow/tfjs-core';

import { seamWeights, tileStarts, type TileSizes } from './tile-grid.ts';

export interface TiledMap {
  /** Of the progress events. */
  readonly stage: 'encode' | 'decode';
  /** Tiles in latents. */
  readonly tiles: TileSizes;
  /** Places of the input, and of the output, along one side for each latent. */
  readonly inputScale: number;
  readonly outputScale: number;
  readonly outputChannels: number;
  /** One tile; borrows it, the caller owns the result. */
  readonly map: (tile: Tensor4D) => Tensor4D;
  readonly signal?: AbortSignal;
  readonly onProgress?: OnProgress;
}

interface Placement {
  /** First row and column of the output. */
  readonly top: number;
  readonly left: number;
  readonly rows: Float32Array;
  readonly columns: Float32Array;
}

/** Adds tiles up with their weights, `[B, H, W, C]` on the host. */
class Canvas {
  readonly #shape: readonly [number, number, number, number];
  readonly #sums: Float32Array;
  readonly #weights: Float32Array;

  constructor(shape: readonly [number, number, number, number]) {
    const [batch, height, width, channels] = shape;
    this.#shape = shape;
    this.#sums = new Float32Array(batch * height * width * channels);
    this.#weights = new Float32Array(height * width);
  }

  add(values: ArrayLike<number>, { top, left, rows, columns }: Placement): void {
    const [batch, height, width, channels] = this.#shape;
    let from = 0;
    for (let image = 0; image < batch; image++) {
      for (const [row, rowWeight] of rows.entries()) {
        let pixel = (top + row) * width + left;
        let to = (image * height * width + pixel) * channels;
        for (const columnWeight of columns) {
          const weight = rowWeight * columnWeight;
          if (image === 0) this.#weights[pixel]! += weight;
          for (let channel = 0; channel < channels; channel++) this.#sums[to++]! += weight * values[from++]!;
          pixel++;
        }
      }
    }
  }

  /** The weighted means, uploaded; the caller's. */
  toTensor(): Tensor4D {
    const channels = this.#shape[3];
    const pixels = this.#weights.length;
    this.#sums.forEach((value, i) => {
      this.#sums[i] = value / this.#weights[Math.floor(i / channels) % pixels]!;
    });
    return tensor(this.#sums, [...this.#shape], 'float32') as Tensor4D;
  }
}

/**
 * Maps a picture, or latents, tile by tile. Neighbouring tiles are averaged where they overlap, with weights that rise
 * linearly from the seam. The device holds the input, the result and what one tile needs; the sums lie on the host.
 *
 * @param x `[B, H, W, C]`, borrowed
 * @returns `[B, H', W', C']`, the caller's
 * @throws the signal's reason on abort
 */
export async function mapTiles(x: Tensor4D, options: TiledMap): Promise<Tensor4D> {
  const { stage, tiles, inputScale, outputScale, outputChannels, map, signal, onProgress } = options;
  const [batch, height, width] = x.shape;
  const [rows, columns] = [height / inputScale, width / inputScale];
  const canvas = new Canvas([batch, rows * outputScale, columns * outputScale, outputChannels]);
  const [tops, lefts] = [tileStarts(rows, tiles), tileStarts(columns, tiles)];
  const [tileRows, tileColumns] = [Math.min(rows, tiles.size), Math.min(columns, tiles.size)];
  const overlap = tiles.overlap * outputScale;
  const turn = eventTurns();
  let step = 0;
  for (const top of tops) {
    for (const left of lefts) {
      throwIfAborted(signal);
      const begin = [0, top * inputScale, left * inputScale, 0];
      const result = tidy(() => map(slice(x, begin, [-1, tileRows * inputScale, tileColumns * inputScale, -1])));
      const values = await result.data().finally(() => result.dispose());
      canvas.add(values, {
        top: top * outputScale,
        left: left * outputScale,
        rows: seamWeights(tileRows * outputScale, { overlap, first: top === 0, last: top === tops.at(-1) }),
        columns: seamWeights(tileColumns * outputScale, { overlap, first: left === 0, last: left === lefts.at(-1) }),
      });
      onProgress?.({ stage, step: ++step, steps: tops.length * lefts.length });
      await turn();
    }
  }
  return canvas.toTensor();
}
