import type { Draws } from './draws.ts';

const HOSTILE_BYTES = [0, 1, 0x20, 0x22, 0x2c, 0x30, 0x39, 0x5b, 0x5d, 0x7b, 0x7d, 0x7f, 0x80, 0xc0, 0xff];
const HOSTILE_LENGTHS = [0n, 1n, 7n, 8n, 255n, 2n ** 31n, 2n ** 32n, 2n ** 53n, 2n ** 63n, 2n ** 64n - 1n];

function splice(bytes: Uint8Array, at: number, remove: number, insert: Uint8Array): Uint8Array {
  const out = new Uint8Array(bytes.length - remove + insert.length);
  out.set(bytes.subarray(0, at));
  out.set(insert, at);
  out.set(bytes.subarray(at + remove), at + insert.length);
  return out;
}

type Mutation = (bytes: Uint8Array, draws: Draws) => Uint8Array;

const flipBit: Mutation = (bytes, draws) => {
  const out = bytes.slice();
  if (out.length > 0) out[draws.below(out.length)]! ^= 1 << draws.below(8);
  return out;
};

const setByte: Mutation = (bytes, draws) => {
  const out = bytes.slice();
  if (out.length > 0) out[draws.below(out.length)] = draws.pick(HOSTILE_BYTES);
  return out;
};

const cutShort: Mutation = (bytes, draws) => bytes.slice(0, draws.below(bytes.length + 1));

const removeRun: Mutation = (bytes, draws) => {
  const at = draws.below(bytes.length + 1);
  return splice(bytes, at, Math.min(1 + draws.below(16), bytes.length - at), new Uint8Array(0));
};

const repeatRun: Mutation = (bytes, draws) => {
  const from = draws.below(bytes.length + 1);
  return splice(bytes, draws.below(bytes.length + 1), 0, bytes.slice(from, from + 1 + draws.below(64)));
};

const insertNoise: Mutation = (bytes, draws) => {
  const noise = Uint8Array.from({ length: 1 + draws.below(16) }, () => draws.below(256));
  return splice(bytes, draws.below(bytes.length + 1), 0, noise);
};

/** The length of a safetensors header. */
const setLength: Mutation = (bytes, draws) => {
  const out = bytes.slice();
  const length = draws.unit() < 0.5 ? draws.pick(HOSTILE_LENGTHS) : BigInt(draws.below(2 * bytes.length + 2));
  if (out.length >= 8) new DataView(out.buffer).setBigUint64(0, length, true);
  return out;
};

const mutations: readonly Mutation[] = [flipBit, setByte, cutShort, removeRun, repeatRun, insertNoise, setLength];

/** Damages a file in one to four places. */
export function mutateBytes(bytes: Uint8Array, draws: Draws): Uint8Array {
  let out = bytes;
  for (let count = draws.pick([1, 1, 1, 2, 3, 4]); count > 0; count--) out = draws.pick(mutations)(out, draws);
  return out;
}
