import { smartResize, VisionLanguageModel } from '@latte-flow/vlm';

import { list, type Quantity } from '../compare.ts';
import type { Fixture } from '../discover.ts';
import { EXACT, type FixtureReport } from '../report.ts';
import { GoldenVlm } from './vlm-golden.ts';
import { checkImages } from './vlm-images.ts';
import { checkForward, checkGreedyTokens, checkPositions } from './vlm-language.ts';
import { checkImagePrompts } from './vlm-prompt.ts';
import { checkSpellings } from './vlm-spellings.ts';
import { checkTileQuantities } from './vlm-tile-quantities.ts';

/** A checkpoint of any architecture with the numbers of the reference beside it. */
export async function checkVlm({ path }: Fixture, report: FixtureReport): Promise<void> {
  using model = await VisionLanguageModel.fromPretrained(path, { dtype: report.dtype, signal: report.signal });
  const golden = await GoldenVlm.open(path, model);
  await checkImages(golden, report);
  await report.section('smart_resize_table', () => checkSizes(golden, report));
  for (const name of golden.cases) {
    const on = { name, golden };
    await report.section(`${name}.image_prompt`, () => checkImagePrompts(on, report));
    await report.section(`${name}.position_ids`, () => checkPositions(on, report));
    await report.section(`${name}.logits`, () => checkForward(on, report));
    await report.section(`${name}.tiles`, () => checkTileQuantities(on, report));
    await checkGreedyTokens(on, report);
  }
  await checkSpellings(golden, report);
}

/** The sizes at which pictures of many sizes are seen, where the fixture has a table of them. */
async function checkSizes({ golden }: GoldenVlm, report: FixtureReport): Promise<void> {
  const table = golden['smart_resize_table'];
  if (!Array.isArray(table)) return;
  await report.compare('smart_resize_table', EXACT, () => {
    const sizes = table.flatMap(({ h, w, factor, min, max }) => {
      const size = smartResize({ height: h, width: w }, { factor, minPixels: min, maxPixels: max });
      return [size.height, size.width];
    });
    const expected: Quantity = list(table.flatMap(({ out }) => out as number[]));
    return [list(sizes), expected];
  });
}
