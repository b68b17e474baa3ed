import type { Tensor } from '@tensorflow/tfjs-core';

import type { Precision } from '../kernel/precision.ts';
import type { MatrixUnit } from '../product/matrix-unit.ts';
import type { AttentionBlocks } from './blocks.ts';
import type { CarriedMap } from './carried-webgpu.ts';
import { attentionWebGPU } from './forward-webgpu.ts';
import { keyBlock } from './key-block.ts';
import { carriedKeyGradientWebGPU, keyGradientWebGPU } from './key-gradient-webgpu.ts';
import { carriedKeyGradientByUnits, carriedKeyGradientTile } from './matrix/carried-key-gradient.ts';
import { attentionByUnits, forwardTile } from './matrix/forward.ts';
import { keyGradientByUnits, keyGradientTile } from './matrix/key-gradient.ts';
import { queryGradientByUnits, queryGradientTile } from './matrix/query-gradient.ts';
import { attentionUnit, type MatrixTile } from './matrix/tile.ts';
import type { ForwardResult } from './parts-webgpu.ts';
import { carriedQueryGradientWebGPU, queryGradientWebGPU } from './query-gradient-webgpu.ts';
import type { BackwardRows } from './row-statistics-webgpu.ts';

// Each kernel on matrix units where the precision asks for them and they hold its tile, else the float32 one. Either leaves what the
// other reads.

/** The tile of a kernel on matrix units; undefined for the other one. One query a head, token by token, leaves a unit's rows empty. */
function tileFor(
  { query }: AttentionBlocks,
  precision: Precision,
  choose: (unit: MatrixUnit) => MatrixTile | undefined,
): MatrixTile | undefined {
  const unit = query.shape[2]! > 1 ? attentionUnit(precision) : undefined;
  return unit && choose(unit);
}

/** @param residual asks for the own block's scores, to which it adds a gated map if it has one */
export function attend(blocks: AttentionBlocks, precision: Precision, residual?: Partial<CarriedMap>): ForwardResult {
  const tile = tileFor(blocks, precision, (unit) => forwardTile(blocks, unit));
  return tile === undefined ? attentionWebGPU(blocks, residual) : attentionByUnits(blocks, tile, residual);
}

/** dquery [B, H, N, E]. */
export function queryGradient(blocks: AttentionBlocks, rows: BackwardRows, precision: Precision): Tensor {
  const tile = tileFor(blocks, precision, (unit) => queryGradientTile(blocks, unit));
  return tile === undefined ? queryGradientWebGPU(blocks, rows) : queryGradientByUnits(blocks, tile, rows)[0];
}

interface ScoresMap {
  /** [B, H, N, N]: the carried scores. */
  readonly map: Tensor;
  readonly dmap?: Tensor;
}

/** The same beside carried scores; also dscores [B, H, N, N] of the own block. */
export function carriedQueryGradient(
  blocks: AttentionBlocks,
  rows: BackwardRows,
  { map, dmap }: ScoresMap,
  precision: Precision,
): [dQuery: Tensor, dScores: Tensor] {
  const tile = tileFor(blocks, precision, (unit) => queryGradientTile(blocks, unit));
  if (tile === undefined) return carriedQueryGradientWebGPU(blocks, rows, { form: 'scores', map, dmap });
  const [dQuery, dScores] = queryGradientByUnits(blocks, tile, { ...rows, map, dmap });
  return [dQuery, dScores!];
}

/** [dkey, dvalue] of a block. */
export function keyGradient(
  blocks: AttentionBlocks,
  rows: BackwardRows,
  name: 'context' | 'own',
  precision: Precision,
): [dKey: Tensor, dValue: Tensor] {
  const block = keyBlock(blocks, name);
  const tile = tileFor(blocks, precision, (unit) => keyGradientTile(blocks, block, unit));
  return tile === undefined
    ? keyGradientWebGPU(blocks, rows, block)
    : keyGradientByUnits(blocks, tile, { ...rows, block });
}

/** The same of an own block beside carried scores, whose dscores are there already. */
export function carriedKeyGradient(
  blocks: AttentionBlocks,
  rows: BackwardRows,
  { map, dScores }: { readonly map: Tensor; readonly dScores: Tensor },
  precision: Precision,
): [dKey: Tensor, dValue: Tensor] {
  const tile = tileFor(blocks, precision, (unit) => carriedKeyGradientTile(blocks, unit));
  return tile === undefined
    ? carriedKeyGradientWebGPU(blocks, rows, { form: 'scores', map, dScores })
    : carriedKeyGradientByUnits(blocks, tile, { ...rows, map, dScores });
}
