import { requireOneOf, throwIfAborted } from '@latte-flow/core';
import { requireAlive, TensorOwner } from '@latte-flow/runtime';
import { mul, slice, tidy, transpose, type Tensor, type Tensor4D } from '@tensorflow/tfjs-core';

import type { Autoencoder, DecodeOptions, EncodeOptions } from './autoencoder.ts';
import { imageSizes, latentSizes, requireDeviceFits, requireDivisible, requireFiniteValues } from './check-input.ts';
import type { Codec } from './codec.ts';
import { padImages, requireCrop } from './fit.ts';
import { tileSizes, type TileSizes } from './tiling/tile-grid.ts';
import { mapTiles, type TiledMap } from './tiling/tiled-map.ts';

const fits = ['exact', 'pad'] as const;

/** NCHW -> NHWC. */
const channelsLast = (x: Tensor): Tensor4D => transpose(x as Tensor4D, [0, 2, 3, 1]);
/** NHWC -> NCHW. */
const channelsFirst = (x: Tensor): Tensor4D => transpose(x as Tensor4D, [0, 3, 1, 2]);

interface MapOptions
  extends Omit<TiledMap, 'tiles' | 'signal' | 'onProgress'>, Pick<EncodeOptions, 'signal' | 'onProgress'> {
  readonly tiles: TileSizes | undefined;
}

/** An autoencoder over a codec: checks, scaling, padding and tiles, which are the same for all. */
export class TensorAutoencoder implements Autoencoder {
  readonly #codec: Codec;
  #disposed = false;

  constructor(codec: Codec) {
    this.#codec = codec;
  }

  get imageChannels(): number {
    return this.#codec.imageChannels;
  }

  get latentChannels(): number {
    return this.#codec.latentChannels;
  }

  get factor(): number {
    return this.#codec.factor;
  }

  get scalingFactor(): number {
    return this.#codec.scalingFactor;
  }

  async encode(images: Tensor, options: EncodeOptions = {}): Promise<Tensor4D> {
    const where = `${this.#codec.name}.encode`;
    const { scaled = true, tile, fit = 'exact', signal } = options;
    const { factor, latentChannels, scalingFactor } = this.#codec;
    requireAlive(where, 'autoencoder', this.#disposed);
    throwIfAborted(signal);
    const [batch, height, width] = imageSizes(where, images, this.#codec);
    const upTo = (side: number): number => Math.ceil(side / factor) * factor;
    if (requireOneOf(where, 'fit', fit, fits) === 'exact' || height * width === 0) {
      requireDivisible(where, [height, width], factor);
    }
    const sizes = { batch, height: upTo(height), width: upTo(width) };
    const tiles = tile === undefined ? undefined : tileSizes(where, tile, factor);
    this.#requireFits(where, sizes, tiles);
    await requireFiniteValues(where, 'images', images);
    throwIfAborted(signal);
    using owner = new TensorOwner();
    const x = owner.own(tidy(() => padImages(channelsLast(images), sizes)));
    const latents = await this.#map(x, {
      ...options,
      stage: 'encode',
      tiles,
      inputScale: factor,
      outputScale: 1,
      outputChannels: latentChannels,
      map: (part) => this.#codec.encode(part),
    });
    owner.own(latents);
    return tidy(() => channelsFirst(scaled && scalingFactor !== 1 ? mul(latents, scalingFactor) : latents));
  }

  async decode(latents: Tensor, options: DecodeOptions = {}): Promise<Tensor4D> {
    const where = `${this.#codec.name}.decode`;
    const { scaled = true, tile, size, signal } = options;
    const { factor, imageChannels, scalingFactor } = this.#codec;
    requireAlive(where, 'autoencoder', this.#disposed);
    throwIfAborted(signal);
    const [batch, rows, columns] = latentSizes(where, latents, this.#codec);
    const sizes = { batch, height: rows * factor, width: columns * factor };
    if (size !== undefined) requireCrop(where, size, sizes);
    const tiles = tile === undefined ? undefined : tileSizes(where, tile, factor);
    this.#requireFits(where, sizes, tiles);
    await requireFiniteValues(where, 'latents', latents);
    throwIfAborted(signal);
    using owner = new TensorOwner();
    const unscaled = owner.own(
      tidy(() => channelsLast(scaled && scalingFactor !== 1 ? mul(latents, 1 / scalingFactor) : latents)),
    );
    const images = await this.#map(unscaled, {
      ...options,
      stage: 'decode',
      tiles,
      inputScale: 1,
      outputScale: factor,
      outputChannels: imageChannels,
      map: (part) => this.#codec.decode(part),
    });
    owner.own(images);
    return tidy(() =>
      channelsFirst(size === undefined ? images : slice(images, [0, 0, 0, 0], [-1, size.height, size.width, -1])),
    );
  }

  /** The pictures that the device works on at once must fit it: all of them, or one tile of each. */
  #requireFits(
    where: string,
    { batch, height, width }: { readonly batch: number; readonly height: number; readonly width: number },
    tiles: TileSizes | undefined,
  ): void {
    const side = tiles === undefined ? Infinity : tiles.size * this.factor;
    requireDeviceFits(where, { batch, height: Math.min(height, side), width: Math.min(width, side) }, this.#codec);
  }

  async #map(x: Tensor4D, { tiles, ...options }: MapOptions): Promise<Tensor4D> {
    if (tiles !== undefined) return mapTiles(x, { ...options, tiles });
    const result = tidy(() => options.map(x));
    options.onProgress?.({ stage: options.stage, step: 1, steps: 1 });
    return result;
  }

  dispose(): void {
    if (this.#disposed) return;
    this.#disposed = true;
    this.#codec.dispose();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }
}
