import { normalNoise, type NoiseStream } from '@latte-flow/core';
import type { PackedFormat, PackedValues } from '@latte-flow/runtime';

const GROUP = 32;

/** The float32 value of a half, by the definition of IEEE 754. */
export function halfValue(bits: number): number {
  const [sign, exponent, fraction] = [bits & 0x8000 ? -1 : 1, (bits >> 10) & 31, bits & 0x3ff];
  return sign * (exponent === 0 ? fraction * 2 ** -24 : (1024 + fraction) * 2 ** (exponent - 25));
}

export interface RandomPacked extends PackedValues {
  /** `[rows, columns]` */
  readonly shape: readonly [number, number];
}

export interface RandomPackedOptions {
  readonly shape: readonly [rows: number, columns: number];
  /** About the size of the values. */
  readonly size?: number;
  readonly stream: NoiseStream;
}

/** Random codes and scales, each code that the format has among them, and what they stand for by the layout's definition. */
export function randomPacked(dtype: PackedFormat, { shape, size = 1, stream }: RandomPackedOptions): RandomPacked {
  const [rows, columns] = shape;
  const groups = Math.ceil(columns / GROUP);
  const noise = normalNoise(rows * columns, stream);
  /** An integer from `min` to `max`. */
  const integer = (i: number, min: number, max: number): number =>
    min + (Math.floor(Math.abs(noise[i]!) * 2 ** 20) % (max - min + 1));
  const values = new Float32Array(rows * columns);
  const done = (codes: Uint8Array, scales?: Float32Array): RandomPacked => ({
    shape,
    dtype,
    codes,
    ...(scales === undefined ? {} : { scales }),
    byteLength: codes.byteLength + (scales?.byteLength ?? 0),
    dequantise: () => values.slice(),
  });

  if (dtype === 'float16') {
    const halves = new Uint16Array(rows * columns);
    const exponent = Math.floor(Math.log2(size)) + 15; // of `size` as a half; a subnormal below 1
    for (let i = 0; i < halves.length; i++) {
      const sign = integer(i, 0, 1) << 15;
      halves[i] = sign | (Math.max(0, exponent - integer(i, 0, 3)) << 10) | integer(i, 0, 1023);
      values[i] = halfValue(halves[i]!);
    }
    return done(new Uint8Array(halves.buffer));
  }
  if (dtype === 'int8') {
    const codes = Int8Array.from(noise, (_, i) => integer(i, -127, 127));
    const scales = Float32Array.from({ length: rows }, (_, row) => ((1 + row / rows) * size) / 127);
    codes.forEach((code, i) => (values[i] = code * scales[Math.floor(i / columns)]!));
    return done(new Uint8Array(codes.buffer), scales);
  }
  const codes = new Uint8Array((rows * groups * GROUP) / 2).fill(0x88);
  const scales = Float32Array.from({ length: rows * groups }, (_, i) => ((1 + i / (rows * groups)) * size) / 7);
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) {
      const nibble = integer(row * columns + column, 1, 15);
      const at = row * groups * GROUP + column;
      codes[at >> 1] = at % 2 === 0 ? (codes[at >> 1]! & 0xf0) | nibble : (codes[at >> 1]! & 0x0f) | (nibble << 4);
      values[row * columns + column] = (nibble - 8) * scales[row * groups + Math.floor(column / GROUP)]!;
    }
  }
  return done(codes, scales);
}
