import { decodeFloat16 } from '../float16.ts';
import { GROUP_BYTES, GROUP_SIZE, rowsOf, type PackedBits } from './packed-bits.ts';

function dequantiseInt8({ codes, scales, shape }: PackedBits, firstRow: number, out: Float32Array): void {
  const { columns } = rowsOf(shape);
  const bytes = new Int8Array(codes.buffer, codes.byteOffset, codes.length);
  const first = firstRow * columns;
  for (let begin = 0, row = firstRow; begin < out.length; begin += columns, row++) {
    const scale = scales![row]!;
    for (let i = begin; i < begin + columns; i++) out[i] = bytes[first + i]! * scale;
  }
}

function dequantiseInt4({ codes, scales, shape }: PackedBits, firstRow: number, out: Float32Array): void {
  const { columns, groups } = rowsOf(shape);
  for (let begin = 0, row = firstRow; begin < out.length; begin += columns, row++) {
    for (let i = 0; i < columns; i++) {
      const place = row * groups + Math.floor(i / GROUP_SIZE);
      const byte = codes[place * GROUP_BYTES + ((i % GROUP_SIZE) >> 1)]!;
      const nibble = i % 2 === 0 ? byte & 15 : byte >> 4;
      out[begin + i] = (nibble - 8) * scales![place]!;
    }
  }
}

/** Fills `out`, whole rows, with the float32 values from `firstRow` on. */
export function dequantiseRows(packed: PackedBits, firstRow: number, out: Float32Array): Float32Array {
  if (out.length === 0) return out;
  if (packed.dtype === 'int8') dequantiseInt8(packed, firstRow, out);
  else if (packed.dtype === 'int4') dequantiseInt4(packed, firstRow, out);
  else {
    const { codes, shape } = packed;
    const first = firstRow * rowsOf(shape).columns;
    decodeFloat16(new Uint16Array(codes.buffer, codes.byteOffset + 2 * first, out.length), out);
  }
  return out;
}
