import { lines, range } from '../kernel/unrolled.ts';
import { operandReader, type OperandLayout, type OperandReader } from './operand.ts';
import { ofSide, TILE_SIDE, type SidesWgsl } from './sides.ts';

/** The reader of A [M, K], or of its transpose as it lies. */
export function readerOfA(layout: OperandLayout, transposeA: boolean): OperandReader {
  return operandReader('a', layout, transposeA ? 'params.m' : 'params.k');
}

/** WGSL: where the workgroup's tile of the result lies, and its piece of the inner axis. */
export function tileOrigin({ rows, columns }: { rows: number; columns: number }, sides: SidesWgsl): string {
  return /* wgsl */ `
    let row_start = group.y * ${rows}u;
    var column_tile = group.x;
    ${sides.choose('column_tile', columns)}
    let column_start = column_tile * ${columns}u;
    let depth_first = group.z * params.piece;
    let depth_end = min(params.k, depth_first + params.piece);`;
}

/** An operand of which tiles go through workgroup memory, vectors of 4 by lanes. */
export interface TiledOperand {
  readonly name: 'a' | 'b';
  /** Extent of the tile along the result's axis. */
  readonly extent: number;
  readonly depth: number;
  readonly lanes: number;
  /** Whether the inner axis of the product is the operand's contiguous one. */
  readonly innerContiguous: boolean;
  /** Where the workgroup's tile starts along the result's axis. */
  readonly origin: string;
  /** One a side. */
  readonly readers: readonly OperandReader[];
  /** The inner axis is a multiple of `depth`: no tile reaches over its end. */
  readonly isWhole: boolean;
  /** WGSL: what goes to workgroup memory of 4 elements that were read. */
  convert(read: string): string;
  /** WGSL: puts it in its place: `outer` along the result's axis, `inner` along the product's. */
  put(vector: { readonly value: string; readonly outer: string; readonly inner: string }): string;
}

/** WGSL of a lane's share of an operand's tiles. */
export interface StagedOperand {
  /** Where it lies, and registers for it. */
  readonly places: string;
  /** From memory, at `depth_start`, into the registers. */
  readonly read: string;
  /** From the registers into workgroup memory. What lies beyond the end of the inner axis becomes 0; beyond the result's edges nothing counts. */
  readonly store: string;
}

export function stagedOperand(operand: TiledOperand): StagedOperand {
  const { name, extent, depth, lanes, innerContiguous, origin, readers, isWhole, put, convert } = operand;
  const vectors = (extent * depth) / 4;
  const mine = range(Math.ceil(vectors / lanes));
  const across = (innerContiguous ? depth : extent) / 4;
  const [along, other] = innerContiguous ? ['inner', 'outer'] : ['outer', 'inner'];
  const guarded = (i: number, text: string): string =>
    (i + 1) * lanes > vectors ? `if (lane + ${i * lanes}u < ${vectors}u) { ${text} }` : text;
  const places = mine.map(
    (i) => /* wgsl */ `
      let ${other}_${name}${i} = (lane + ${i * lanes}u) / ${across}u;
      let ${along}_${name}${i} = ((lane + ${i * lanes}u) % ${across}u) * 4u;
      var next_${name}${i}: ${readers[0]!.type};`,
  );
  const read = (reader: OperandReader): string =>
    lines(
      mine.map((i) => {
        const place = [`${origin} + outer_${name}${i}`, `depth_start + inner_${name}${i}`];
        const [row, column] = innerContiguous ? place : place.toReversed();
        return guarded(i, `next_${name}${i} = ${reader.read(row!, column!)};`);
      }),
    );
  const { type } = readers[0]!;
  const store = (i: number): string => {
    const [kept, first] = [`kept_${name}${i}`, `depth_start + inner_${name}${i}`];
    // Packed values four at a time: their rows are filled up with zeros.
    const isThere =
      innerContiguous && type === 'vec4f'
        ? `vec4u(${first}) + vec4u(0u, 1u, 2u, 3u) < vec4u(params.k)`
        : `${first} < params.k`;
    const masked = isWhole ? `next_${name}${i}` : `select(${type}(), next_${name}${i}, ${isThere})`;
    const place = { value: kept, outer: `outer_${name}${i}`, inner: `inner_${name}${i}` };
    return guarded(i, `let ${kept} = ${convert(masked)}; ${put(place)}`);
  };
  return {
    places: lines(places),
    read: ofSide(readers.length, (side) => read(readers[side]!), TILE_SIDE),
    store: lines(mine.map(store)),
  };
}

/**
 * WGSL: multiplies tile after tile along the piece of the inner axis. The next ones are on their way from memory while `multiply`
 * works on those in workgroup memory.
 */
export function walkTiles([a, b]: readonly [StagedOperand, StagedOperand], depth: number, multiply: string): string {
  return /* wgsl */ `
    ${a.places}
    ${b.places}
    var depth_start = depth_first;
    ${a.read}
    ${b.read}
    while (depth_start < depth_end) {
      ${a.store}
      ${b.store}
      workgroupBarrier();
      depth_start += ${depth}u;
      if (depth_start < depth_end) {
        ${a.read}
        ${b.read}
      }
      ${multiply}
      workgroupBarrier();
    }`;
}
