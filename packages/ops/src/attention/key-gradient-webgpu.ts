import { programs } from '@latte-flow/runtime';
import type { Tensor } from '@tensorflow/tfjs-core';

import { blockSizes, type AttentionBlocks, type BlockSizes } from './blocks.ts';
import type { ResidualForm } from './inputs.ts';
import { BLIND_LOG } from './blind-rows.ts';
import { headsBuffer, loadFunction, storeFunction } from './buffers.ts';
import { keyBlock, KEY_GRADIENT_PARAMS, runKeyGradient, type KeyBlock } from './key-block.ts';
import type { BackwardRows } from './row-statistics-webgpu.ts';
import { accumulate, products, stage, stagedArray, storeRows, sums, tileConstants, weightsArray } from './tile-wgsl.ts';
import { each } from '../kernel/unrolled.ts';
import { chooseTile, rowsOf, type Tile } from './tile.ts';

/** Where weights and dscores come from: made anew from keys and values, or from the carried map and read. */
type OwnWeights = 'products' | ResidualForm;

/** Keys are the rows here, and the queries of all heads of their group the columns. */
const keyGradientProgram = programs(
  (width: number, lanesX: number, rowsEach: number, hasBias: boolean, own: OwnWeights) => {
    const tile: Tile = { width, lanesX, rowsEach };
    const rows = (piece: (i: number) => string): string => each(rowsEach, piece);
    const isRead = own !== 'products';
    const buffers = isRead ? ['query', 'dy'] : ['query', 'dy', 'key', 'value'];
    const components = ['x', 'y', 'z', 'w'] as const;
    const ofColumns = (piece: (c: number) => string): string => `vec4f(${[0, 1, 2, 3].map(piece).join(', ')})`;
    const ownAt = (i: number, c: number): string =>
      `(first_query + min(column + ${c}u, params.rows - 1u)) * params.block + min(row_${i}, params.block - 1u)`;
    return {
      name: 'attentionKeyGradient',
      inputs: [
        ...buffers.map((name) => headsBuffer(name, width)),
        'statistics: array<vec2f>',
        ...(hasBias ? ['bias: array<f32>'] : []),
        ...(isRead ? ['map: array<f32>', 'read_dscores: array<f32>'] : []),
      ],
      outputs: [headsBuffer('dkey', width), headsBuffer('dvalue', width)],
      params: KEY_GRADIENT_PARAMS,
      body: /* wgsl */ `
      ${tileConstants(tile)}
      ${stagedArray('staged_queries', tile)}
      ${stagedArray('staged_dys', tile)}
      ${weightsArray('weights', tile)}
      ${weightsArray('dscores', tile)}
      ${buffers.map((name) => loadFunction(name, width)).join('\n')}
      ${storeFunction('dkey', width)}
      ${storeFunction('dvalue', width)}

      @compute @workgroup_size(128)
      fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
        let x = lane % LANES_X;
        let y = lane / LANES_X;
        let batch = group.z;
        let first_query = batch * params.rows;
        ${rows((i) => `let row_${i} = group.x * ROWS + y + ${i}u * LANES_Y;`)}
        ${rows((i) => `let key_${i} = batch * params.block + min(row_${i}, params.block - 1u);`)}
        ${sums(tile, 'dk')}
        ${sums(tile, 'dv')}
        for (var start = 0u; start < params.rows; start += COLUMNS) {
          ${stage(
            [
              { to: 'staged_queries', load: 'load_query(first_query + start + column, e)' },
              { to: 'staged_dys', load: 'load_dy(first_query + start + column, e)' },
            ],
            'params.rows - start',
          )}
          workgroupBarrier();
          ${
            isRead
              ? ''
              : products(tile, [
                  { name: 's', row: (i) => `load_key(key_${i}, e)`, staged: 'staged_queries' },
                  { name: 'dw', row: (i) => `load_value(key_${i}, e)`, staged: 'staged_dys' },
                ])
          }
          let column = start + 4u * x;
          var logs = vec4f();
          var deltas = vec4f();
          ${components.map((k, c) => `{ let of_row = statistics[first_query + min(column + ${c}u, params.rows - 1u)]; logs.${k} = of_row.x; deltas.${k} = of_row.y; }`).join('\n')}
          ${rows(
            (i) => `{
              ${isRead ? `var s_${i} = ${ofColumns((c) => `map[${ownAt(i, c)}]`)};` : `s_${i} *= SCALE;`}
              ${
                hasBias && own !== 'probabilities'
                  ? components
                      .map(
                        (k, c) =>
                          `s_${i}.${k} += bias[(batch / params.groups * params.bias_rows + (column + ${c}u) % params.queries % params.bias_rows) * params.keys + params.first_key + row_${i}];`,
                      )
                      .join('\n')
                  : ''
              }
              let present = vec4u(column, column + 1u, column + 2u, column + 3u) < vec4u(params.rows);
              ${
                own === 'probabilities'
                  ? `let weight = select(vec4f(), s_${i}, present & (logs < vec4f(${BLIND_LOG})));`
                  : `let weight = exp(select(vec4f(HIDDEN), s_${i} - logs, present));`
              }
              weights[weight_at(y + ${i}u * LANES_Y, x)] = weight;
              dscores[weight_at(y + ${i}u * LANES_Y, x)] = ${isRead ? `select(vec4f(), ${ofColumns((c) => `read_dscores[${ownAt(i, c)}]`)}, present)` : `weight * (dw_${i} - deltas)`};
            }`,
          )}
          workgroupBarrier();
          ${accumulate(tile, [
            { name: 'dk', weights: 'dscores', staged: 'staged_queries' },
            { name: 'dv', weights: 'weights', staged: 'staged_dys' },
          ])}
          workgroupBarrier();
        }
        ${storeRows(tile, {
          count: 'params.block',
          store: (i, f) => `
            store_dkey(key_${i}, x + ${f}u * LANES_X, dk_${i}_${f} * SCALE);
            store_dvalue(key_${i}, x + ${f}u * LANES_X, dv_${i}_${f});`,
        })}
      }`,
    };
  },
);

export function keyGradientTile({ width, batches, queries }: BlockSizes): Tile | undefined {
  return chooseTile({ width, rows: queries, batches, staged: 2, weights: 2, sums: 2 });
}

/** [dkey, dvalue] of a block, from the queries of all heads of a group tile by tile. */
export function keyGradientWebGPU(blocks: AttentionBlocks, rows: BackwardRows, block: KeyBlock): [Tensor, Tensor] {
  return runKeyPass(blocks, rows, { own: 'products', block, read: [block.key, block.value] });
}

/** The same of an own block beside a carried map, whose dscores are there already. */
export function carriedKeyGradientWebGPU(
  blocks: AttentionBlocks,
  rows: BackwardRows,
  { form, map, dScores }: { readonly form: ResidualForm; readonly map: Tensor; readonly dScores: Tensor },
): [Tensor, Tensor] {
  return runKeyPass(blocks, rows, { own: form, block: keyBlock(blocks, 'own'), read: [map, dScores] });
}

interface KeyPass {
  readonly own: OwnWeights;
  readonly block: KeyBlock;
  /** Key and value, or the map and its dscores. */
  readonly read: readonly [Tensor, Tensor];
}

function runKeyPass(
  blocks: AttentionBlocks,
  { dy, statistics }: BackwardRows,
  { own, block, read }: KeyPass,
): [Tensor, Tensor] {
  const { query, visibility } = blocks;
  const sizes = blockSizes(blocks);
  const tile = keyGradientTile({ ...sizes, queries: block.key.shape[2]! })!;
  const bias = visibility === undefined || own === 'probabilities' ? [] : [visibility.bias];
  const program = keyGradientProgram(sizes.width, tile.lanesX, tile.rowsEach, bias.length > 0, own);
  const inputs =
    own === 'products' ? [query, dy, ...read, statistics, ...bias] : [query, dy, statistics, ...bias, ...read];
  return runKeyGradient(program, blocks, { block, inputs, tileRows: rowsOf(tile) });
}
