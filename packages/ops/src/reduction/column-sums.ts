import { programs, runProgram, spread } from '@latte-flow/runtime';
import type { Tensor, TensorInfo } from '@tensorflow/tfjs-core';

import { packOf, valueOf, type Pack } from '../kernel/value.ts';

const LANES = 256;
/** Up to this many rows a lane, one stage is quicker than two. */
const MAX_ROWS_OF_LANE = 32;
const MIN_ROWS_OF_LANE = 4;
/** Workgroups that fill a large device. */
const WORKGROUPS = 1024;

/**
 * Sums over the rows of each member, of terms that are made as the rows are read: `[B, N, D]` -> `[B, D]`. Tensors of that
 * shape can be written on the way. The names are those of the expressions, WGSL on `Value`s.
 */
export interface ColumnSumsDefinition {
  readonly name: string;
  /** `[B, N, D]`. */
  readonly inputs: readonly string[];
  /** `[B, D]`: the same for all of a member's rows. */
  readonly channels?: readonly string[];
  /** Tensors `[B, N, D]` that are written. */
  readonly outputs?: Readonly<Record<string, string>>;
  readonly sums: Readonly<Record<string, string>>;
}

export interface ColumnSumsRun {
  /** Inputs, then channels, in the definition's order. Borrowed. */
  readonly tensors: readonly TensorInfo[];
  /** B, N, D. */
  readonly shape: readonly [members: number, rows: number, width: number];
  /** Of each output; default `[B, N, D]`. */
  readonly outputShape?: readonly number[];
  /** Of each sum; default `[B, D]`. */
  readonly sumShape?: readonly number[];
}

/** Lanes side by side in a row: 128 bytes of it, or all of a narrower one. */
function lanesAcross(units: number, pack: Pack): number {
  let lanes = 1;
  while (lanes < units && lanes * pack < 32) lanes *= 2;
  return lanes;
}

/** Pieces that the rows of a member are cut into, each summed by one workgroup a tile of columns. */
function slabsOf(rows: number, lanesDown: number, others: number): number {
  if (rows <= MAX_ROWS_OF_LANE * lanesDown) return 1;
  return Math.min(Math.ceil(WORKGROUPS / others), Math.ceil(rows / (lanesDown * MIN_ROWS_OF_LANE)));
}

function columnProgram(definition: ColumnSumsDefinition, pack: Pack, across: number) {
  const { name, inputs, channels = [], outputs = {}, sums } = definition;
  const down = LANES / across;
  const names = Object.keys(sums);
  const declare = (buffer: string): string => `${buffer}: array<Value>`;
  return {
    name,
    inputs: [...inputs, ...channels].map(declare),
    outputs: [...Object.keys(outputs), ...names].map(declare),
    params: ['groups: u32', 'tiles: u32', 'slabs: u32', 'slab_rows: u32', 'rows: u32', 'width: u32'],
    body: /* wgsl */ `
      ${valueOf(pack)}
      var<workgroup> lane_sums: array<Value, ${LANES}>;
      @compute @workgroup_size(${across}, ${down})
      fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_id) lane: vec3u) {
        let index = group.x + group.y * groups.x;
        if (index >= params.groups) { return; }
        let column = index % params.tiles * ${across}u + lane.x;
        let slab = index / params.tiles; // of all members
        let member = slab / params.slabs;
        let first = slab % params.slabs * params.slab_rows;
        let last = min(first + params.slab_rows, params.rows);
        let inside = column < params.width;
        let place = lane.y * ${across}u + lane.x;
        ${names.map((sum) => `var sum_${sum} = Value();`).join('\n')}
        if (inside) {
          ${channels.map((input) => `let ${input} = ${input}[member * params.width + column];`).join('\n')}
          for (var row = first + lane.y; row < last; row += ${down}u) {
            let i = (member * params.rows + row) * params.width + column;
            ${inputs.map((input) => `let ${input} = ${input}[i];`).join('\n')}
            ${Object.entries(outputs)
              .map(([output, expression]) => `${output}[i] = ${expression};`)
              .join('\n')}
            ${names.map((sum) => `sum_${sum} += ${sums[sum]};`).join('\n')}
          }
        }
        ${names
          .map(
            (sum) => /* wgsl */ `
        workgroupBarrier();
        lane_sums[place] = sum_${sum};
        workgroupBarrier();
        for (var half = ${down / 2}u; half > 0u; half >>= 1u) {
          if (lane.y < half) { lane_sums[place] += lane_sums[place + half * ${across}u]; }
          workgroupBarrier();
        }
        if (inside && lane.y == 0u) { ${sum}[slab * params.width + column] = lane_sums[place]; }`,
          )
          .join('\n')}
      }`,
  };
}

/**
 * A kernel of column sums: one dispatch, and a second one that adds the partial sums of slabs where there are many rows. The
 * order of additions depends on the shape alone. Its run returns outputs, then sums; the caller owns them.
 */
export function columnSums(definition: ColumnSumsDefinition): (run: ColumnSumsRun) => Tensor[] {
  const written = Object.keys(definition.outputs ?? {});
  const names = Object.keys(definition.sums);
  const program = programs((pack: Pack, across: number) => columnProgram(definition, pack, across));
  return ({ tensors, shape, outputShape = shape, sumShape }) => {
    const [members, rows, width] = shape;
    const pack = packOf(width);
    const units = width / pack;
    const across = lanesAcross(units, pack);
    const tiles = Math.ceil(units / across);
    const wanted = slabsOf(rows, LANES / across, members * tiles);
    const slabRows = Math.ceil(rows / wanted);
    const slabs = Math.ceil(rows / slabRows);
    const groups = members * slabs * tiles;
    const results = runProgram(program(pack, across), {
      inputs: tensors,
      outputs: [
        ...written.map(() => ({ shape: outputShape })),
        ...names.map(() => ({ shape: slabs === 1 ? (sumShape ?? [members, width]) : [members, slabs, width] })),
      ],
      params: [groups, tiles, slabs, slabRows, rows, units],
      workgroups: spread(groups),
    });
    if (slabs === 1) return results;
    const partial = results.splice(written.length);
    results.push(...addSlabs(partial, { shape: [members, slabs, width], sumShape }));
    for (const sum of partial) sum.dispose();
    return results;
  };
}

const adders: ((run: ColumnSumsRun) => Tensor[])[] = [];

/** Sums of several tensors `[B, N, D]` at once. They are borrowed; the caller owns the sums. */
export function addSlabs(
  tensors: readonly Tensor[],
  { shape, sumShape }: Pick<ColumnSumsRun, 'shape' | 'sumShape'>,
): Tensor[] {
  const adder = (adders[tensors.length] ??= columnSums(additionOf(tensors.length)));
  return adder({ tensors, shape, sumShape });
}

function additionOf(count: number): ColumnSumsDefinition {
  const inputs = Array.from({ length: count }, (_, i) => `x${i}`);
  return { name: 'columnSums', inputs, sums: Object.fromEntries(inputs.map((x) => [`${x}_sum`, x])) };
}
