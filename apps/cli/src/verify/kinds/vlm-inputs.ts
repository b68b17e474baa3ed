import type { ModelInputs, PatchGrid } from '@latte-flow/vlm';

import type { FixtureTensors } from '../fixture-tensors.ts';

/** `image_grid_thw` `[images, 3]` as grids; none where the fixture has no such tensor. */
export function readGrids(tensors: FixtureTensors, name: string): PatchGrid[] {
  if (!tensors.has(name)) return [];
  const flat = tensors.integers(name);
  return Array.from({ length: flat.length / 3 }, (_, i) => ({
    frames: flat[3 * i]!,
    rows: flat[3 * i + 1]!,
    columns: flat[3 * i + 2]!,
  }));
}

function join(parts: readonly Float32Array[]): Float32Array {
  const joined = new Float32Array(parts.reduce((total, { length }) => total + length, 0));
  let at = 0;
  for (const part of parts) {
    joined.set(part, at);
    at += part.length;
  }
  return joined;
}

/**
 * A batch with the reference's own pixel values. Names begin with `prefix`; `pixelPrefixes` say where its images
 * are, in order.
 */
export function readModelInputs(
  tensors: FixtureTensors,
  { prefix, pixelPrefixes = [prefix] }: { readonly prefix: string; readonly pixelPrefixes?: readonly string[] },
): ModelInputs {
  const [batch, length] = tensors.view(`${prefix}input_ids`).shape as [number, number];
  const ids = tensors.integers(`${prefix}input_ids`);
  const maskName = `${prefix}attention_mask`;
  const mask = tensors.has(maskName) ? Uint8Array.from(tensors.integers(maskName)) : new Uint8Array(ids.length).fill(1);
  const withImages = pixelPrefixes.filter((pixels) => tensors.has(`${pixels}image_grid_thw`));
  const grids = withImages.flatMap((pixels) => readGrids(tensors, `${pixels}image_grid_thw`));
  if (grids.length === 0) return { ids, mask, batch, length, grids };
  const patches = join(withImages.map((pixels) => tensors.floats(`${pixels}pixel_values`)));
  return { ids, mask, batch, length, grids, patches };
}
