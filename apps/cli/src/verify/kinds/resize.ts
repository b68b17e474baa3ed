import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

import { describeValue, LatteFlowError } from '@latte-flow/core';
import { resizeImage, type ResizeFilter, type RgbImage } from '@latte-flow/vlm';

import type { Fixture, Json } from '../discover.ts';
import { FixtureTensors } from '../fixture-tensors.ts';
import { EXACT, type FixtureReport } from '../report.ts';

interface ResizeRow {
  readonly case: number;
  readonly filter: ResizeFilter;
  readonly in_hw: readonly [number, number];
  readonly out_hw: readonly [number, number];
}

const FILTERS: ReadonlySet<unknown> = new Set(['bilinear', 'bicubic', 'lanczos']);

function rowsOf({ rows }: Json): readonly ResizeRow[] {
  if (Array.isArray(rows)) return rows;
  throw new LatteFlowError('checkpoint-invalid', {
    where: 'verify',
    expected: 'rows in golden.json, one for each picture and filter',
    got: describeValue(rows),
    remedy: 'Make the fixture again.',
  });
}

/** Pictures resized by Pillow, byte for byte. */
export async function checkResize({ path }: Fixture, report: FixtureReport): Promise<void> {
  const golden = JSON.parse(await readFile(join(path, 'golden.json'), 'utf8')) as Json;
  const tensors = await FixtureTensors.read(join(path, 'golden.safetensors'));
  for (const { case: index, filter, in_hw, out_hw } of rowsOf(golden)) {
    const quantity = `${index}.${filter}`;
    if (!FILTERS.has(filter)) {
      report.unsupported(quantity, `The filter ${describeValue(filter)} is not known.`);
      continue;
    }
    await report.compare(quantity, EXACT, () => {
      const data = Uint8Array.from(tensors.integers(`${index}.in`));
      const picture: RgbImage = { data, height: in_hw[0], width: in_hw[1] };
      const resized = resizeImage(picture, { height: out_hw[0], width: out_hw[1] }, { filter });
      const actual = { values: resized.data, shape: [resized.height, resized.width, 3] };
      return [actual, tensors.quantity(quantity)];
    });
  }
}
