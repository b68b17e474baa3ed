import { type Corpus, SPRITE_SIZE, type Sprite } from './format.ts';
import { backgrounds, SCENE_SIZE, type Square } from './layout.ts';
import type { Scene } from './scene.ts';

const CHANNELS = 4;
const PLANE = SCENE_SIZE * SCENE_SIZE;

/** For each target pixel along one axis: the source pixels that it covers, with the shares of its area. */
interface AreaWeights {
  readonly first: Int32Array;
  readonly count: Int32Array;
  /** Row i holds the `count[i]` shares of target pixel i; rows are `stride` long. */
  readonly shares: Float32Array;
  readonly stride: number;
}

function areaWeights(side: number): AreaWeights {
  const scale = SPRITE_SIZE / side;
  const stride = Math.ceil(scale) + 1;
  const first = new Int32Array(side);
  const count = new Int32Array(side);
  const shares = new Float32Array(side * stride);
  for (let i = 0; i < side; i++) {
    const [start, end] = [i * scale, (i + 1) * scale];
    first[i] = Math.floor(start);
    count[i] = Math.min(SPRITE_SIZE, Math.ceil(end - 1e-9)) - first[i]!;
    for (let k = 0; k < count[i]!; k++) {
      const pixel = first[i]! + k;
      shares[i * stride + k] = (Math.min(end, pixel + 1) - Math.max(start, pixel)) / scale;
    }
  }
  return { first, count, shares, stride };
}

const weightsBySide = new Map<number, AreaWeights>();

function weightsOf(side: number): AreaWeights {
  const known = weightsBySide.get(side);
  if (known !== undefined) return known;
  const weights = areaWeights(side);
  weightsBySide.set(side, weights);
  return weights;
}

/** Premultiplied RGBA in [0, 1] of a sprite, averaged down to `side x side` pixels. */
function shrinkSprite(corpus: Corpus, sprite: Sprite, side: number): Float32Array {
  const { first, count, shares, stride } = weightsOf(side);
  const source = corpus.pixels;
  const rows = new Float32Array(SPRITE_SIZE * side * CHANNELS);
  let to = 0;
  for (let y = 0; y < SPRITE_SIZE; y++) {
    const row = sprite.offset + y * SPRITE_SIZE * CHANNELS;
    for (let x = 0; x < side; x++, to += CHANNELS) {
      let red = 0;
      let green = 0;
      let blue = 0;
      let alpha = 0;
      let at = row + first[x]! * CHANNELS;
      for (let k = x * stride; k < x * stride + count[x]!; k++, at += CHANNELS) {
        const cover = shares[k]! * source[at + 3]!;
        red += cover * source[at]!;
        green += cover * source[at + 1]!;
        blue += cover * source[at + 2]!;
        alpha += cover;
      }
      rows[to] = red / 65025;
      rows[to + 1] = green / 65025;
      rows[to + 2] = blue / 65025;
      rows[to + 3] = alpha / 255;
    }
  }
  const out = new Float32Array(side * side * CHANNELS);
  const width = side * CHANNELS;
  for (let y = 0; y < side; y++) {
    for (let k = 0; k < count[y]!; k++) {
      const share = shares[y * stride + k]!;
      const from = (first[y]! + k) * width;
      for (let i = 0; i < width; i++) out[y * width + i]! += share * rows[from + i]!;
    }
  }
  return out;
}

/** Bytes of shrunk sprites that a corpus keeps: a few hundred large ones, which a training run draws again and again. */
const MOST_SHRUNK_BYTES = 2 ** 25;

/** Shrunk sprites of one corpus by their place and side, the one that was used last at the end. */
class ShrunkSprites {
  readonly #corpus: Corpus;
  readonly #pixels = new Map<number, Float32Array>();
  #bytes = 0;

  constructor(corpus: Corpus) {
    this.#corpus = corpus;
  }

  of(sprite: Sprite, side: number): Float32Array {
    const key = sprite.offset * (SCENE_SIZE + 1) + side;
    const known = this.#pixels.get(key);
    const pixels = known ?? shrinkSprite(this.#corpus, sprite, side);
    if (known === undefined) this.#makeRoom(pixels.byteLength);
    else this.#pixels.delete(key);
    this.#pixels.set(key, pixels);
    return pixels;
  }

  #makeRoom(bytes: number): void {
    this.#bytes += bytes;
    for (const [key, { byteLength }] of this.#pixels) {
      if (this.#bytes <= MOST_SHRUNK_BYTES) return;
      this.#pixels.delete(key);
      this.#bytes -= byteLength;
    }
  }
}

const shrunkByCorpus = new WeakMap<Corpus, ShrunkSprites>();

function shrunkSprites(corpus: Corpus): ShrunkSprites {
  const known = shrunkByCorpus.get(corpus) ?? new ShrunkSprites(corpus);
  shrunkByCorpus.set(corpus, known);
  return known;
}

function paintSprite(image: Float32Array, pixels: Float32Array, { x, y, side }: Square): void {
  let from = 0;
  for (let row = 0; row < side; row++) {
    let at = (y + row) * SCENE_SIZE + x;
    for (let column = 0; column < side; column++, at++, from += CHANNELS) {
      // [-1, 1] is 2 c - 1: c = over + behind * under becomes 2 over + behind (under + 1) - 1.
      const behind = 1 - pixels[from + 3]!;
      image[at] = 2 * pixels[from]! + behind * (image[at]! + 1) - 1;
      image[at + PLANE] = 2 * pixels[from + 1]! + behind * (image[at + PLANE]! + 1) - 1;
      image[at + 2 * PLANE] = 2 * pixels[from + 2]! + behind * (image[at + 2 * PLANE]! + 1) - 1;
    }
  }
}

/**
 * Paints a scene into `image`, float32 `[3, 64, 64]` in [-1, 1], overwriting all of it: the objects in order over the
 * background, each averaged over the area of a pixel with premultiplied colours.
 */
export function paintScene(corpus: Corpus, scene: Scene, image: Float32Array): void {
  backgrounds[scene.background].forEach((value, channel) => {
    image.fill(value / 127.5 - 1, channel * PLANE, (channel + 1) * PLANE);
  });
  const shrunk = shrunkSprites(corpus);
  for (const { sprite, square } of scene.objects) {
    paintSprite(image, shrunk.of(sprite, square.side), square);
  }
}
