import { runProgram } from '@latte-flow/runtime';
import type { Tensor } from '@tensorflow/tfjs-core';

import type { MatrixUnit } from '../../product/matrix-unit.ts';
import { blockSizes, type AttentionBlocks } from '../blocks.ts';
import { fallsInVectors } from '../buffers.ts';
import type { CarriedMap } from '../carried-webgpu.ts';
import { forwardBindings, forwardOutputs, forwardResult, partsOf, type ForwardResult } from '../parts-webgpu.ts';
import { biasRead } from './bias.ts';
import { forwardBytes, forwardProgram } from './forward-program.ts';
import { bindKeys } from './key-walk.ts';
import { chooseMatrixTile, keyOfTile, rowsOf, type MatrixTile } from './tile.ts';

/** The tile of a forward pass on matrix units; undefined where it is one for plain kernels. */
export function forwardTile(blocks: AttentionBlocks, unit: MatrixUnit): MatrixTile | undefined {
  const sizes = blockSizes(blocks);
  return chooseMatrixTile(unit, { ...sizes, columns: sizes.keys }, forwardBytes);
}

/**
 * As `attentionWebGPU`, with queries, keys, values and weights rounded to half precision and multiplied by matrix units.
 * Scores, the map, maxima and all sums are float32.
 */
export function attentionByUnits(
  blocks: AttentionBlocks,
  tile: MatrixTile,
  residual?: Partial<CarriedMap>,
): ForwardResult {
  const { query, visibility } = blocks;
  const sizes = blockSizes(blocks);
  const { parts, keysEach } = partsOf(sizes, { rows: rowsOf(tile), columns: tile.columns });
  const { map, bias, carried, isBlindZero, others } = forwardBindings(blocks, residual);
  const pass = (): Tensor[] => {
    const { context, tensors, params } = bindKeys(blocks, others, keysEach);
    const program = forwardProgram(
      context,
      biasRead(visibility, sizes),
      isBlindZero && parts === 1,
      map,
      map !== 'none' && fallsInVectors(sizes.queries, 0),
      ...keyOfTile(tile),
    );
    return runProgram(program, {
      inputs: [query, ...tensors, ...bias, ...carried],
      outputs: forwardOutputs(blocks, parts, map),
      params,
      workgroups: [Math.ceil(sizes.rows / rowsOf(tile)), parts, sizes.batches],
    });
  };
  return forwardResult(pass, parts, isBlindZero);
}
