import type { Tensor } from '@tensorflow/tfjs-core';

import type { Precision } from '../kernel/precision.ts';
import type { AttentionBlocks } from './blocks.ts';
import type { CarriedMap } from './carried-webgpu.ts';
import { attentionWebGPU } from './forward-webgpu.ts';
import { keyBlock } from './key-block.ts';
import { carriedKeyGradientWebGPU, keyGradientWebGPU } from './key-gradient-webgpu.ts';
import { carriedKeyGradientByUnits, carriedKeyGradientTile } from './matrix/carried-key-gradient.ts';
import { attentionByUnits, forwardTile } from './matrix/forward.ts';
import { keyGradientByUnits, keyGradientTile } from './matrix/key-gradient.ts';
import { queryGradientByUnits, queryGradientTile } from './matrix/query-gradient.ts';
import { attentionUnit } from './matrix/tile.ts';
import type { ForwardResult } from './parts-webgpu.ts';
import { carriedQueryGradientWebGPU, queryGradientWebGPU } from './query-gradient-webgpu.ts';
import type { BackwardRows } from './row-statistics-webgpu.ts';

// Each kernel on matrix units where the precision asks for them and they hold its tile, else the float32 one. Either leaves what the
// other reads.

/** One query a head, token by token, leaves the rows of a unit empty. */
const unitFor = ({ query }: AttentionBlocks, precision: Precision) =>
  query.shape[2]! > 1 ? attentionUnit(precision) : undefined;

/** @param residual asks for the own block's scores, to which it adds a gated map if it has one */
export function attend(blocks: AttentionBlocks, precision: Precision, residual?: Partial<CarriedMap>): ForwardResult {
  const unit = unitFor(blocks, precision);
  const tile = unit && forwardTile(blocks, unit);
  return tile === undefined ? attentionWebGPU(blocks, residual) : attentionByUnits(blocks, tile, residual);
}

/** dquery [B, H, N, E]. */
export function queryGradient(blocks: AttentionBlocks, rows: BackwardRows, precision: Precision): Tensor {
  const unit = unitFor(blocks, precision);
  const tile = unit && queryGradientTile(blocks, unit);
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
  const unit = unitFor(blocks, precision);
  const tile = unit && queryGradientTile(blocks, unit);
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
  const unit = unitFor(blocks, precision);
  const block = keyBlock(blocks, name);
  const tile = unit && keyGradientTile(blocks, block, unit);
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
  const unit = unitFor(blocks, precision);
  const tile = unit && carriedKeyGradientTile(blocks, unit);
  return tile === undefined
    ? carriedKeyGradientWebGPU(blocks, rows, { form: 'scores', map, dScores })
    : carriedKeyGradientByUnits(blocks, tile, { ...rows, map, dScores });
}
