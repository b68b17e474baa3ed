import { adapterOf, type ModelInputs, type PatchGrid, type VisionLanguageConfig } from '@latte-flow/vlm';

import type { FixtureTensors } from '../fixture-tensors.ts';
import { tilesToPatches } from './vlm-tiles.ts';

/** Images as rows of patches. */
export type Patches = Required<Pick<ModelInputs, 'patches' | 'grids'>>;

/** `image_grid_thw` `[images, 3]` as grids. */
function readGrids(tensors: FixtureTensors, name: string): PatchGrid[] {
  const flat = tensors.integers(name);
  return Array.from({ length: flat.length / 3 }, (_, i) => ({
    frames: flat[3 * i]!,
    rows: flat[3 * i + 1]!,
    columns: flat[3 * i + 2]!,
  }));
}

/** The images of several prompts, in order. */
export function joinPatches(parts: readonly Patches[]): Patches {
  const patches = new Float32Array(parts.reduce((total, part) => total + part.patches.length, 0));
  let at = 0;
  for (const part of parts) {
    patches.set(part.patches, at);
    at += part.patches.length;
  }
  return { patches, grids: parts.flatMap(({ grids }) => grids) };
}

/** The reference's own pixel values: rows of patches with their grids, or tiles. None where the fixture has none. */
export function readPatches(
  tensors: FixtureTensors,
  config: VisionLanguageConfig,
  { prefix }: { readonly prefix: string },
): Patches {
  const [pixels, grids] = [`${prefix}pixel_values`, `${prefix}image_grid_thw`];
  if (!tensors.has(pixels)) return { patches: new Float32Array(0), grids: [] };
  if (tensors.has(grids)) return { patches: tensors.floats(pixels), grids: readGrids(tensors, grids) };
  const { patches, grid } = tilesToPatches(tensors.quantity(pixels), adapterOf(config).patchValues(config));
  return { patches, grids: [grid] };
}

/** A padded batch with the images given. */
export function readModelInputs(
  tensors: FixtureTensors,
  { prefix, images }: { readonly prefix: string; readonly images: Patches },
): ModelInputs {
  const [batch, length] = tensors.view(`${prefix}input_ids`).shape as [number, number];
  const ids = tensors.integers(`${prefix}input_ids`);
  const maskName = `${prefix}attention_mask`;
  const mask = tensors.has(maskName) ? Uint8Array.from(tensors.integers(maskName)) : new Uint8Array(ids.length).fill(1);
  return { ids, mask, batch, length, grids: images.grids, ...(images.grids.length === 0 ? {} : images) };
}
