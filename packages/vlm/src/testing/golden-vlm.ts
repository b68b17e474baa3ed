import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';

import { parseSafetensors, toFloat32, toIntegers, type TensorView } from '@latte-flow/checkpoint';
import { patchCount, type PatchGrid } from '../image/patchify.ts';
import type { RgbImage } from '../image/rgb-image.ts';
import type { ModelInputs } from '../forward/model-inputs.ts';

const FIXTURES = new URL('../../../../test/fixtures/vlm', import.meta.url).pathname;

/** Committed fixtures of a model type, and those of the folder that LATTE_FIXTURES names. */
export function vlmFixtures(modelType: string): string[] {
  const extra = process.env['LATTE_FIXTURES'];
  const roots = [FIXTURES, ...(extra === undefined ? [] : [join(extra, 'vlm')])];
  return roots
    .flatMap((root) => readdirSync(root).map((name) => join(root, name)))
    .filter((folder) => existsSync(join(folder, 'golden.safetensors')) && existsSync(join(folder, 'config.json')))
    .filter(
      (folder) =>
        (JSON.parse(readFileSync(join(folder, 'config.json'), 'utf8')) as { model_type?: string }).model_type ===
        modelType,
    );
}

export interface GoldenCase {
  readonly images: readonly number[];
  readonly rope_delta: number;
}

/** A VLM fixture: the numbers of the reference by name. */
export class GoldenVlm {
  readonly folder: string;
  readonly golden: {
    readonly cases: Record<string, GoldenCase>;
    readonly images: Record<string, { shape: [number, number, number] }>;
    readonly smart_resize_table: Record<string, number | number[]>[];
  };
  readonly #tensors: ReadonlyMap<string, TensorView>;

  constructor(folder: string) {
    this.folder = folder;
    this.golden = this.json('golden.json') as GoldenVlm['golden'];
    this.#tensors = parseSafetensors(readFileSync(join(folder, 'golden.safetensors'))).tensors;
  }

  json(file: string): unknown {
    return JSON.parse(readFileSync(join(this.folder, file), 'utf8'));
  }

  has(name: string): boolean {
    return this.#tensors.has(name);
  }

  view(name: string): TensorView {
    const found = this.#tensors.get(name);
    if (found === undefined) throw new Error(`The fixture ${this.folder} has no ${name}.`);
    return found;
  }

  floats(name: string): Float32Array {
    return toFloat32(this.view(name));
  }

  /** Rows of the vision tower in raster order: Qwen2.5-VL's reference has them in the order of its windows. */
  inRasterOrder(name: string, quantity: string): Float32Array {
    const values = this.floats(`${name}.${quantity}`);
    if (!this.has(`${name}.vision.window_index`)) return values;
    const order = this.integers(`${name}.vision.window_index`);
    const width = values.length / order.length;
    const restored = new Float32Array(values.length);
    order.forEach((block, place) => restored.set(values.subarray(place * width, (place + 1) * width), block * width));
    return restored;
  }

  integers(name: string): number[] {
    return Array.from(toIntegers(this.view(name)), Number);
  }

  image(index: number): RgbImage {
    const [height, width] = this.golden.images[`image${index}`]!.shape;
    return { data: readFileSync(join(this.folder, `image${index}.bin`)), width, height };
  }

  grids(name: string): PatchGrid[] {
    if (!this.has(`${name}.image_grid_thw`)) return [];
    const flat = this.integers(`${name}.image_grid_thw`);
    return Array.from({ length: flat.length / 3 }, (_, i) => ({
      frames: flat[3 * i]!,
      rows: flat[3 * i + 1]!,
      columns: flat[3 * i + 2]!,
    }));
  }

  /** The model inputs of a case with the reference's pixels; `batch` shares those of `one`. */
  inputs(name: string): ModelInputs {
    const pixels = name === 'batch' ? 'one' : name;
    const grids = this.grids(pixels);
    const [batch, length] = this.view(`${name}.input_ids`).shape as [number, number];
    const ids = Int32Array.from(this.integers(`${name}.input_ids`));
    const mask = this.has(`${name}.attention_mask`)
      ? Uint8Array.from(this.integers(`${name}.attention_mask`))
      : new Uint8Array(ids.length).fill(1);
    const patches = grids.length > 0 ? this.floats(`${pixels}.pixel_values`) : undefined;
    if (patches !== undefined && patches.length % grids.reduce((n, grid) => n + patchCount(grid), 0) !== 0)
      throw new Error('Odd patches.');
    return { ids, mask, batch, length, grids, ...(patches === undefined ? {} : { patches }) };
  }
}

/** Largest absolute difference, over the entries where `mask` (one for each row of `width`) is not 0. */
export function largestDifference(
  a: ArrayLike<number>,
  b: ArrayLike<number>,
  rows?: { readonly mask: ArrayLike<number>; readonly width: number },
): number {
  if (a.length !== b.length) throw new Error(`Lengths ${a.length} and ${b.length} differ.`);
  let largest = 0;
  for (let i = 0; i < a.length; i++) {
    if (rows !== undefined && rows.mask[Math.floor(i / rows.width)] === 0) continue;
    const difference = Math.abs(a[i]! - b[i]!);
    if (!(difference <= largest)) largest = difference;
  }
  return largest;
}
