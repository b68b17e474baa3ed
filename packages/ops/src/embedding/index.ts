import { requireShape } from '@latte-flow/core';
import { isPacked, type Weight } from '@latte-flow/runtime';
import { gather, reshape, tidy, type Tensor, type Tensor1D, type Tensor2D } from '@tensorflow/tfjs-core';

import { kernelOr } from '../kernel/selection.ts';
import { product } from '../product/index.ts';
import { oneHotRows } from '../one-hot/index.ts';
import { withGradient } from '../with-gradient.ts';
import { embedPacked } from './packed.ts';
import { embedGradientWebGPU, embedWebGPU } from './webgpu.ts';

/** dy [M, D], ids [M] -> dtable [V, D]. Portably a product with the one-hot matrix, because WASM lacks gather's gradient. */
function embedGradient(dy: Tensor2D, ids: Tensor1D, vocabulary: number): Tensor2D {
  return kernelOr(
    [dy],
    () => embedGradientWebGPU(dy, ids, vocabulary),
    () => tidy(() => product(oneHotRows(ids, vocabulary), dy, { transposeA: true })),
  );
}

/**
 * Rows of a table by index.
 *
 * @param ids `[B, S]` int32 in [0, V), borrowed; not checked, which would need a synchronous read
 * @param table `[V, D]` float32, or packed, which gets no gradient
 * @returns `[B, S, D]`, owned by the caller
 * @throws LatteFlowError `shape-mismatch`
 */
export function embed(ids: Tensor, table: Weight): Tensor {
  const { B, S } = requireShape('embed', 'ids', ids.shape, ['B', 'S']);
  const { V, D } = requireShape('embed', 'table', table.shape, ['V', 'D']);
  return tidy(() => {
    const flat = reshape(ids, [B! * S!]) as Tensor1D;
    if (isPacked(table)) return reshape(embedPacked(flat, table), [B!, S!, D!]);
    const rows = withGradient(
      [table],
      (table_) =>
        kernelOr(
          [flat, table_],
          () => embedWebGPU(flat, table_ as Tensor2D),
          () => gather(table_, flat),
        ),
      (dy, _table, ids_) => [embedGradient(dy as Tensor2D, ids_, V!)],
      [flat],
    );
    return reshape(rows, [B!, S!, D!]);
  });
}
