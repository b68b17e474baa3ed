import { LatteFlowError } from '@latte-flow/core';

import type { PaddedIds } from '../forward/model-inputs.ts';
import { imageTokenCount, type PatchGrid } from '../image/patchify.ts';
import type { TokenPositions } from '../language-model/positions.ts';

/** Positions on three axes: time, row and column. */
export interface RopeIndex extends TokenPositions {
  /** For each sample `end` minus the number of visible tokens; Qwen2-VL's `rope_deltas`. */
  readonly deltas: number[];
}

function refuseCount(expected: string, got: string): never {
  throw new LatteFlowError('invalid-argument', {
    where: 'ropeIndex',
    expected,
    got,
    remedy: 'Expand every image placeholder to rows * columns / mergeSize² tokens, in the order of the images.',
  });
}

/**
 * Multimodal RoPE positions (`get_rope_index` of Qwen2-VL). Text counts up on all three axes. An image that starts at
 * position p takes p, p + row, p + column over its merged grid; the text after it goes on at p + max(rows, columns).
 * Padding on either side is skipped. `grids` are the images of all samples in order.
 * @throws LatteFlowError `invalid-argument` if image tokens and grids do not match
 */
export function ropeIndex(
  { ids, mask, batch, length }: PaddedIds,
  grids: readonly PatchGrid[],
  options: { readonly imageTokenId: number; readonly mergeSize: number },
): RopeIndex {
  const { imageTokenId, mergeSize } = options;
  const [times, rows, columns] = Array.from({ length: 3 }, () =>
    Array.from({ length: batch }, () => new Int32Array(length)),
  ) as [Int32Array[], Int32Array[], Int32Array[]];
  const end: number[] = [];
  const deltas: number[] = [];
  let nextImage = 0;
  for (let sample = 0; sample < batch; sample++) {
    const row = ids.subarray(sample * length, (sample + 1) * length);
    const visible: number[] = [];
    for (let i = 0; i < length; i++) if (mask[sample * length + i] !== 0) visible.push(i);
    const place = (token: number, time: number, y: number, x: number): void => {
      times[sample]![token] = time;
      rows[sample]![token] = y;
      columns[sample]![token] = x;
    };
    let position = 0;
    for (let i = 0; i < visible.length;) {
      if (row[visible[i]!] !== imageTokenId) {
        place(visible[i]!, position, position, position);
        position++;
        i++;
        continue;
      }
      const grid = grids[nextImage++] ?? refuseCount(`image tokens for ${grids.length} images`, 'more');
      const height = grid.rows / mergeSize;
      const width = grid.columns / mergeSize;
      const count = imageTokenCount(grid, mergeSize);
      for (let token = 0; token < count; token++, i++) {
        const index = visible[i];
        if (index === undefined || row[index] !== imageTokenId) {
          refuseCount(
            `${count} image tokens for image ${nextImage - 1} of ${grid.rows} x ${grid.columns} patches`,
            `${token}`,
          );
        }
        const cell = token % (height * width);
        const time = Math.floor(token / (height * width));
        place(index, position + time, position + Math.floor(cell / width), position + (cell % width));
      }
      position += Math.max(height, width);
    }
    end.push(position);
    deltas.push(position - visible.length);
  }
  if (nextImage !== grids.length) refuseCount(`image tokens for ${grids.length} images`, `tokens for ${nextImage}`);
  return { positions: [times, rows, columns], end, deltas };
}
