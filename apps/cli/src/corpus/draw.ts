import { NoisePurpose, normalNoise, uniformNoise } from '@latte-flow/core';

/** A reproducible draw: the same numbers for the same seed and index, whatever was drawn before. */
export interface Draw {
  /** An integer in [0, 2^53). */
  readonly seed: number;
  /** Which scene of the endless sequence, an unsigned 32-bit integer. */
  readonly index: number;
}

// One stream serves a draw: its scene reads the first numbers, then its caption, its question and its corruption.
const SCENE = { start: 0, end: 8 };
const CAPTION = { start: 8, end: 12 };
const QUESTION = { start: 12, end: 16 };
const CORRUPTION_START = 16;

function uniformsOf({ seed, index }: Draw, { start, end }: { start: number; end: number }): Float64Array {
  return uniformNoise(end, { seed, image: index, purpose: NoisePurpose.data }).subarray(start);
}

/** Uniforms in (0, 1) that decide what a scene shows. */
export const sceneUniforms = (draw: Draw): Float64Array => uniformsOf(draw, SCENE);
/** Uniforms in (0, 1) that decide how a scene is described. */
export const captionUniforms = (draw: Draw): Float64Array => uniformsOf(draw, CAPTION);
/** Uniforms in (0, 1) that decide what is asked about a scene. */
export const questionUniforms = (draw: Draw): Float64Array => uniformsOf(draw, QUESTION);

/** `length` standard normals to corrupt a picture with. */
export function corruptionNormals({ seed, index }: Draw, length: number): Float32Array {
  const stream = { seed, image: index, purpose: NoisePurpose.data };
  return normalNoise(CORRUPTION_START + length, stream).subarray(CORRUPTION_START);
}

/** The item that a uniform in (0, 1) falls on. */
export function pick<T>(items: readonly T[], uniform: number): T {
  return items[Math.min(items.length - 1, Math.floor(uniform * items.length))]!;
}
