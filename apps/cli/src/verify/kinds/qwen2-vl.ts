import { smartResize, VisionLanguageModel } from '@latte-flow/vlm';

import { list, type Quantity } from '../compare.ts';
import type { Fixture } from '../discover.ts';
import { EXACT, type FixtureReport } from '../report.ts';
import { GoldenVlm } from './qwen2-vl-golden.ts';
import { checkImages } from './qwen2-vl-images.ts';
import { checkForward, checkGreedyTokens, checkPositions } from './qwen2-vl-language.ts';
import { checkSpellings } from './qwen2-vl-spellings.ts';

/** A Qwen2-VL checkpoint with the numbers of the reference beside it. */
export async function checkQwen2VL({ path }: Fixture, report: FixtureReport): Promise<void> {
  const golden = await GoldenVlm.open(path);
  using model = await VisionLanguageModel.fromPretrained(path, { signal: report.signal });
  await checkImages(golden, model, report);
  await report.section('smart_resize_table', () => checkSizes(golden, report));
  for (const name of golden.cases) {
    const on = { name, golden, model };
    await report.section(`${name}.position_ids`, () => checkPositions(on, report));
    await report.section(`${name}.logits`, () => checkForward(on, report));
    await checkGreedyTokens(on, report);
  }
  await checkSpellings(golden, model, report);
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
