import { adapterOf, type RgbImage } from '@latte-flow/vlm';

import { list, type Quantity } from '../compare.ts';
import { EXACT, type Bound, type FixtureReport } from '../report.ts';
import type { GoldenVlm, ShownImages } from './vlm-golden.ts';
import { tilesToPatches } from './vlm-tiles.ts';

const PIXEL_BOUND: Bound = { metric: 'absolute', tolerance: 1e-6 };

const bytes = ({ data, height, width }: RgbImage): Quantity => ({ values: data, shape: [height, width, 3] });

/** Decoded files, resized bytes, tiles, pixel values and grids. */
export async function checkImages(golden: GoldenVlm, report: FixtureReport): Promise<void> {
  for (const index of golden.images) {
    if (!(await golden.hasImage(index, 'bin')) || !(await golden.hasImage(index, 'png'))) continue;
    await report.compare(`image${index}`, EXACT, async () => [
      bytes(await golden.decoded(index)),
      bytes(await golden.raw(index)),
    ]);
  }
  for (const name of golden.cases) {
    await report.section(`${name}.pixel_values`, async () => {
      const shown = await golden.shown(name);
      if (shown.images.length > 0) await checkCase({ name, golden, shown }, report);
    });
  }
}

async function checkCase(
  { name, golden, shown }: { name: string; golden: GoldenVlm; shown: ShownImages },
  report: FixtureReport,
): Promise<void> {
  const { tensors, model } = golden;
  const { images, processor } = shown;
  const adapter = adapterOf(model.config);
  const seen = images.map((image) => adapter.resizeImage(image, processor));
  const { patches, grids } = adapter.processImages(images, processor);
  const tileGrids = golden.tileGrids(name);

  if (tileGrids.length === 0) {
    for (const [i, [view]] of seen.entries()) {
      const resized = `${name}.resized_u8.${i}`;
      await report.compare(resized, EXACT, () => [bytes(view!), tensors.quantity(resized)]);
    }
    await report.compare(`${name}.image_grid_thw`, EXACT, () => [
      { values: grids.flatMap(({ frames, rows, columns }) => [frames, rows, columns]), shape: [grids.length, 3] },
      tensors.quantity(`${name}.image_grid_thw`),
    ]);
  } else {
    const sizes = (tiles: readonly { rows: number; columns: number }[]): Quantity =>
      list(tiles.flatMap(({ rows, columns }) => [rows, columns]));
    await report.compare(`${name}.rows`, EXACT, () => [
      sizes(grids.map(({ tiles }) => tiles ?? { rows: 0, columns: 0 })),
      sizes(tileGrids),
    ]);
    await report.compare(`${name}.tiles_u8`, EXACT, () => {
      const tiles = seen.flat();
      const { height, width } = tiles[0]!;
      const values = tiles.flatMap(({ data }) => [...data]);
      return [{ values, shape: [tiles.length, height, width, 3] }, tensors.quantity(`${name}.tiles_u8`)];
    });
  }
  if (!tensors.has(`${name}.pixel_values`)) return;
  await report.compare(`${name}.pixel_values`, PIXEL_BOUND, () => {
    const values = adapter.patchValues(model.config);
    const expected = tensors.quantity(`${name}.pixel_values`);
    const rows = expected.shape.length === 2 ? expected.values : tilesToPatches(expected, values).patches;
    return [
      { values: patches, shape: [patches.length / values, values] },
      { values: rows, shape: [rows.length / values, values] },
    ];
  });
}
