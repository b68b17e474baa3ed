import { requireInteger } from './guards.ts';
import { philoxBlock, type PhiloxKey } from './philox.ts';

/** What a stream of random numbers is for; streams of different purposes never overlap. */
export const NoisePurpose = {
  latents: 0,
  solver: 1,
  time: 2,
  data: 3,
  dropout: 4,
  initialisation: 5,
  decoding: 6,
} as const;

export type NoisePurpose = (typeof NoisePurpose)[keyof typeof NoisePurpose];

export interface NoiseStream {
  /** An integer in [0, 2^53); its low and high 32 bits are the Philox key. */
  readonly seed: number;
  /** Which member of a batch (or which training step) the numbers are for, an unsigned 32-bit integer. Default 0. */
  readonly image?: number;
  readonly purpose?: NoisePurpose;
}

const WORDS_PER_BLOCK = 4;
const UNIT = 2 ** -32;

function keyOf(where: string, seed: number): PhiloxKey {
  requireInteger(where, 'seed', seed, { min: 0 });
  return [seed >>> 0, Math.floor(seed / 2 ** 32) >>> 0];
}

/** Unsigned 32-bit words of the stream: counter = (block, 0, image, purpose). */
function words(where: string, length: number, stream: NoiseStream): Uint32Array {
  requireInteger(where, 'length', length, { min: 0 });
  const { image = 0, purpose = NoisePurpose.latents } = stream;
  requireInteger(where, 'image', image, { min: 0, max: 2 ** 32 - 1 });
  const key = keyOf(where, stream.seed);
  const blocks = Math.ceil(length / WORDS_PER_BLOCK);
  const out = new Uint32Array(blocks * WORDS_PER_BLOCK);
  for (let block = 0; block < blocks; block++)
    philoxBlock([block, 0, image, purpose], key, out, block * WORDS_PER_BLOCK);
  return out;
}

/**
 * `length` float64 uniforms in (0, 1): (word + 0.5) / 2^32.
 * @throws LatteFlowError `invalid-argument` if the seed is not an integer in [0, 2^53).
 */
export function uniformNoise(length: number, stream: NoiseStream): Float64Array {
  const bits = words('uniformNoise', length, stream);
  const out = new Float64Array(length);
  for (let i = 0; i < length; i++) out[i] = (bits[i]! + 0.5) * UNIT;
  return out;
}

/**
 * `length` standard normals: Box-Muller pairs (cosine first, then sine) of consecutive uniforms in float64, rounded
 * to float32. The same numbers on every backend.
 * @throws LatteFlowError `invalid-argument` if the seed is not an integer in [0, 2^53).
 */
export function normalNoise(length: number, stream: NoiseStream): Float32Array {
  const even = length + (length & 1);
  const bits = words('normalNoise', even, stream);
  const out = new Float32Array(even);
  for (let i = 0; i < even; i += 2) {
    const radius = Math.sqrt(-2 * Math.log((bits[i]! + 0.5) * UNIT));
    const angle = 2 * Math.PI * ((bits[i + 1]! + 0.5) * UNIT);
    out[i] = radius * Math.cos(angle);
    out[i + 1] = radius * Math.sin(angle);
  }
  return out.subarray(0, length);
}

/** Draws the noise that solver step `step` needs: `length` standard normals. */
export type StepNoise = (step: number, length: number) => Float32Array;

/** The seeded `StepNoise`: step i of image j reads the stream (seed, j, purpose `solver`) of a key derived from i. */
export function seededStepNoise(stream: Pick<NoiseStream, 'seed' | 'image'>): StepNoise {
  const key = keyOf('seededStepNoise', stream.seed);
  const mixed = new Uint32Array(WORDS_PER_BLOCK);
  return (step, length) => {
    requireInteger('seededStepNoise', 'step', step, { min: 0, max: 2 ** 32 - 1 });
    // A block of its own turns (seed, step) into the key of the step, so that no two steps share numbers.
    philoxBlock([step, 1, stream.image ?? 0, NoisePurpose.solver], key, mixed);
    const seed = mixed[0]! + (mixed[1]! & 0x1fffff) * 2 ** 32;
    return normalNoise(length, { seed, image: stream.image ?? 0, purpose: NoisePurpose.solver });
  };
}
