/** IEEE 754 binary16 and bfloat16 to and from float32, bit by bit. */

const SIGN = 0x8000;
const INFINITY = 0x7c00;
const QUIET_NAN = 0x7e00;
/** float32 bits of 65536, 2^-14 (the smallest normal half) and the difference of the exponent biases. */
const OVERFLOW_BITS = 0x47800000;
const NORMAL_BITS = 0x38800000;
const REBIAS_BITS = 0x38000000;
/** Adding and taking off 2^52 rounds a small float64 to the nearest integer, ties to even. */
const ROUNDER = 2 ** 52;

/**
 * Rounds to half precision: to nearest, ties to even; subnormals kept; beyond 65504 (65520 and up) infinity; NaN stays NaN.
 * @returns the bit patterns, one 16-bit word a value; in `out` where it is given.
 */
export function encodeFloat16(values: Float32Array, out: Uint16Array = new Uint16Array(values.length)): Uint16Array {
  const bits = new Uint32Array(values.buffer, values.byteOffset, values.length);
  for (let i = 0; i < values.length; i++) out[i] = halfOf(bits[i]!, values[i]!);
  return out;
}

function halfOf(bits: number, value: number): number {
  const sign = (bits >>> 16) & SIGN;
  const magnitude = bits & 0x7fffffff;
  if (magnitude > 0x7f800000) return sign | QUIET_NAN;
  if (magnitude >= OVERFLOW_BITS) return sign | INFINITY;
  // A mantissa that rounds up carries into the exponent, up to infinity: the layout of the bits does it by itself.
  if (magnitude >= NORMAL_BITS) return sign | ((magnitude - REBIAS_BITS + 0xfff + ((magnitude >>> 13) & 1)) >>> 13);
  return sign | (Math.abs(value) * 2 ** 24 + ROUNDER - ROUNDER);
}

let halves: Float32Array | undefined;

/** All 65,536 halves as float32: a look-up is several times faster than arithmetic for each value. */
function halfTable(): Float32Array {
  if (halves !== undefined) return halves;
  halves = new Float32Array(0x10000);
  for (let half = 0; half < halves.length; half++) {
    const exponent = (half >>> 10) & 0x1f;
    const fraction = half & 0x3ff;
    const sign = half & SIGN ? -1 : 1;
    if (exponent === 0) halves[half] = sign * fraction * 2 ** -24;
    else if (exponent === 0x1f) halves[half] = fraction === 0 ? sign * Infinity : Number.NaN;
    else halves[half] = sign * (1024 + fraction) * 2 ** (exponent - 25);
  }
  return halves;
}

/** Half-precision bit patterns to float32, exactly; into `out` where it is given. */
export function decodeFloat16(
  halfBits: Uint16Array,
  out: Float32Array = new Float32Array(halfBits.length),
): Float32Array {
  const table = halfTable();
  for (let i = 0; i < halfBits.length; i++) out[i] = table[halfBits[i]!]!;
  return out;
}

/** bfloat16 bit patterns (the high halves of float32) to float32, exactly; into `out` where it is given. */
export function decodeBfloat16(
  highHalves: Uint16Array,
  out: Float32Array = new Float32Array(highHalves.length),
): Float32Array {
  const bits = new Uint32Array(out.buffer, out.byteOffset, highHalves.length);
  for (let i = 0; i < bits.length; i++) bits[i] = highHalves[i]! << 16;
  return out;
}
