import { requireFinite, requireInteger } from '@latte-flow/core';

export interface ResolutionShift {
  /** Lengths between which mu goes from `baseShift` to `maxShift`. Defaults 256 and 4096. */
  readonly baseLength?: number;
  readonly maxLength?: number;
  /** Defaults 0.5 and 1.15, those of FLUX.1. */
  readonly baseShift?: number;
  readonly maxShift?: number;
}

/** The value at x of the line through (from, a) and (to, b), beyond them too. */
const line = (x: number, [from, a]: readonly [number, number], [to, b]: readonly [number, number]): number =>
  x * ((b - a) / (to - from)) + (a - ((b - a) / (to - from)) * from);

/**
 * mu of the exponential shift for an image of so many latent tokens (FLUX.1, Qwen-Image, LTX-Video): a line through
 * (baseLength, baseShift) and (maxLength, maxShift), not clamped beyond them, as upstream.
 * @throws LatteFlowError `invalid-argument` for lengths that are no positive integers or equal, or shifts that are not finite.
 */
export function calculateShift(
  length: number,
  { baseLength = 256, maxLength = 4096, baseShift = 0.5, maxShift = 1.15 }: ResolutionShift = {},
): number {
  const where = 'calculateShift';
  requireInteger(where, 'length', length, { min: 1 });
  requireInteger(where, 'baseLength', baseLength, { min: 1 });
  requireInteger(where, 'maxLength', maxLength, { min: baseLength + 1 });
  requireFinite(where, 'baseShift', baseShift);
  requireFinite(where, 'maxShift', maxShift);
  return line(length, [baseLength, baseShift], [maxLength, maxShift]);
}

/**
 * mu of CogView4's linear shift: sqrt(length / 256) maxShift + baseShift.
 * @throws LatteFlowError `invalid-argument` as `calculateShift`.
 */
export function cogView4Shift(
  length: number,
  { baseLength = 256, baseShift = 0.25, maxShift = 0.75 }: Omit<ResolutionShift, 'maxLength'> = {},
): number {
  requireInteger('cogView4Shift', 'length', length, { min: 1 });
  requireInteger('cogView4Shift', 'baseLength', baseLength, { min: 1 });
  return Math.sqrt(length / baseLength) * maxShift + baseShift;
}

/**
 * FLUX.2's empirical mu of the exponential shift: lines in the length for 10 and for 200 steps, a line in the steps
 * between them; above 4300 tokens that for 200 steps alone.
 * @throws LatteFlowError `invalid-argument` unless both are integers >= 1.
 */
export function flux2Shift(length: number, steps: number): number {
  requireInteger('flux2Shift', 'length', length, { min: 1 });
  requireInteger('flux2Shift', 'steps', steps, { min: 1 });
  const many = 0.00016927 * length + 0.45666666;
  return length > 4300 ? many : line(steps, [10, 8.73809524e-5 * length + 1.89833333], [200, many]);
}
