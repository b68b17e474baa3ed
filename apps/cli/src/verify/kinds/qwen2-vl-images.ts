import { adapterOf, type RgbImage, type VisionLanguageModel } from '@latte-flow/vlm';

import type { Quantity } from '../compare.ts';
import { EXACT, type Bound, type FixtureReport } from '../report.ts';
import type { GoldenVlm } from './qwen2-vl-golden.ts';

const PIXEL_BOUND: Bound = { metric: 'absolute', tolerance: 1e-6 };

const bytes = ({ data, height, width }: RgbImage): Quantity => ({ values: data, shape: [height, width, 3] });

/** Decoded files, resized bytes, pixel values and grids. */
export async function checkImages(golden: GoldenVlm, model: VisionLanguageModel, report: FixtureReport): Promise<void> {
  for (const index of golden.images) {
    if (!(await golden.hasImage(index, 'bin')) || !(await golden.hasImage(index, 'png'))) continue;
    await report.compare(`image${index}`, EXACT, async () => [
      bytes(await golden.decoded(index)),
      bytes(await golden.raw(index)),
    ]);
  }
  for (const name of golden.cases) {
    const indices = golden.imagesOf(name);
    if (indices.length === 0) continue;
    await report.section(`${name}.pixel_values`, async () => {
      const images = await Promise.all(indices.map((index) => golden.image(index)));
      await checkCase({ name, golden, images, model }, report);
    });
  }
}

async function checkCase(
  {
    name,
    golden,
    images,
    model,
  }: { name: string; golden: GoldenVlm; images: readonly RgbImage[]; model: VisionLanguageModel },
  report: FixtureReport,
): Promise<void> {
  const { tensors } = golden;
  const adapter = adapterOf(model.config);
  for (const [i, image] of images.entries()) {
    const resized = `${name}.resized_u8.${i}`;
    await report.compare(resized, EXACT, () => {
      const [view] = adapter.resizeImage(image, model.imageProcessor);
      return [bytes(view!), tensors.quantity(resized)];
    });
  }
  const { patches, grids } = adapter.processImages(images, model.imageProcessor);
  await report.compare(`${name}.image_grid_thw`, EXACT, () => [
    {
      values: grids.flatMap(({ frames, rows, columns }) => [frames, rows, columns]),
      shape: [grids.length, 3],
    },
    tensors.quantity(`${name}.image_grid_thw`),
  ]);
  await report.compare(`${name}.pixel_values`, PIXEL_BOUND, () => {
    const expected = tensors.quantity(`${name}.pixel_values`);
    const rows = grids.reduce((total, grid) => total + grid.frames * grid.rows * grid.columns, 0);
    return [{ values: patches, shape: [rows, patches.length / rows] }, expected];
  });
}
