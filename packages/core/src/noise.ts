import { requireInteger } from './guards.ts';
import { eachWords, type PhiloxStream } from './philox-words.ts';
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

const UNIT = 2 ** -32;

function keyOf(where: string, seed: number): PhiloxKey {
  requireInteger(where, 'seed', seed, { min: 0 });
  return [seed >>> 0, Math.floor(seed / 2 ** 32) >>> 0];
}

/** Where the words of a stream are: counter = (block, 0, image, purpose). */
function placeOf(where: string, length: number, noise: NoiseStream): { stream: PhiloxStream; key: PhiloxKey } {
  requireInteger(where, 'length', length, { min: 0 });
  const { image = 0, purpose = NoisePurpose.latents } = noise;
  requireInteger(where, 'image', image, { min: 0, max: 2 ** 32 - 1 });
  return { stream: [0, image, purpose], key: keyOf(where, noise.seed) };
}

/**
 * `length` float64 uniforms in (0, 1): (word + 0.5) / 2^32.
 * @throws LatteFlowError `invalid-argument` if the seed is not an integer in [0, 2^53).
 */
export function uniformNoise(length: number, stream: NoiseStream): Float64Array {
  const place = placeOf('uniformNoise', length, stream);
  const out = new Float64Array(length);
  eachWords(length, place, (words, start, count) => {
    for (let i = 0; i < count; i++) out[start + i] = (words[i]! + 0.5) * UNIT;
  });
  return out;
}

/** sin x to float64's precision for |x| <= pi / 4, by its series: `Math.sin` and `Math.cos` would reduce the angle again, twice. */
function sineNearZero(x: number): number {
  const y = x * x;
  const high = 1 / 362880 - y * (1 / 39916800 - y * (1 / 6227020800 - y / 1307674368000));
  return x * (1 - y * (1 / 6 - y * (1 / 120 - y * (1 / 5040 - y * high))));
}

/**
 * `length` standard normals: Box-Muller pairs (cosine first, then sine) of consecutive uniforms in float64, rounded
 * to float32. The same numbers on every backend.
 * @throws LatteFlowError `invalid-argument` if the seed is not an integer in [0, 2^53).
 */
export function normalNoise(length: number, stream: NoiseStream): Float32Array {
  const paired = length + (length & 1);
  const place = placeOf('normalNoise', paired, stream);
  const out = new Float32Array(paired);
  eachWords(paired, place, (words, start, count) => {
    for (let i = 0; i < count; i += 2) {
      const radius = Math.sqrt(-2 * Math.log((words[i]! + 0.5) * UNIT));
      const turn = words[i + 1]!;
      // The angle is `quarter` quarter turns and a rest in [-pi / 4, pi / 4], exactly: the word is the turn in fixed point.
      const quarter = (turn + 0x20000000) >>> 30;
      const rest = (((turn - (quarter << 30)) | 0) + 0.5) * (2 * Math.PI * UNIT);
      const sine = sineNearZero(rest);
      const cosine = Math.sqrt(1 - sine * sine);
      // (cosine, sine) of the rest, turned on by the quarters. Without branches, which half of the words would mispredict.
      const odd = quarter & 1;
      const even = 1 - odd;
      const signed = radius * (1 - (quarter & 2));
      out[start + i] = signed * (even * cosine - odd * sine);
      out[start + i + 1] = signed * (odd * cosine + even * sine);
    }
  });
  return out.subarray(0, length);
}

/** Draws the noise that solver step `step` needs: `length` standard normals. */
export type StepNoise = (step: number, length: number) => Float32Array;

/** The seeded `StepNoise`: step i of image j reads the stream (seed, j, purpose `solver`) of a key derived from i. */
export function seededStepNoise(stream: Pick<NoiseStream, 'seed' | 'image'>): StepNoise {
  const key = keyOf('seededStepNoise', stream.seed);
  const mixed = new Uint32Array(4);
  return (step, length) => {
    requireInteger('seededStepNoise', 'step', step, { min: 0, max: 2 ** 32 - 1 });
    // A block of its own turns (seed, step) into the key of the step, so that no two steps share numbers.
    philoxBlock([step, 1, stream.image ?? 0, NoisePurpose.solver], key, mixed);
    const seed = mixed[0]! + (mixed[1]! & 0x1fffff) * 2 ** 32;
    return normalNoise(length, { seed, image: stream.image ?? 0, purpose: NoisePurpose.solver });
  };
}
