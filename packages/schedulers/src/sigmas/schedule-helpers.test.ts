import { uniformNoise } from '@latte-flow/core';
import { expect, test } from 'vitest';

import { relativeError, schedulerFixtures } from '../../../../tooling/test/scheduler-fixtures.ts';
import { linearQuadraticSigmas } from './linear-quadratic.ts';
import { calculateShift, cogView4Shift, flux2Shift } from './resolution-shift.ts';
import { shiftSigmas, shiftSigmasByMu, type TimeShift } from './shift.ts';
import { betaSigmas, exponentialSigmas, karrasSigmas } from './spacing.ts';
import { startOfStrength } from './strength.ts';
import { stretchToTerminal } from './terminal-stretch.ts';
import { uniformSigmas } from './uniform.ts';

interface Spacing {
  readonly n: number;
  readonly sigma_max: number;
  readonly sigma_min: number;
  readonly sigmas: readonly number[];
}

interface ScheduleHelpers {
  readonly calculate_shift: readonly {
    readonly image_seq_len: number;
    readonly base_seq_len: number;
    readonly max_seq_len: number;
    readonly base_shift: number;
    readonly max_shift: number;
    readonly mu: number;
  }[];
  readonly compute_empirical_mu: readonly { readonly image_seq_len: number; readonly num_steps: number; mu: number }[];
  readonly linear_quadratic_schedule: readonly {
    readonly num_steps: number;
    readonly threshold_noise: number;
    readonly linear_steps: number | null;
    readonly sigmas: readonly number[];
  }[];
  readonly time_shift: { readonly t: readonly number[] } & Record<
    TimeShift,
    readonly { readonly mu: number; readonly out: readonly number[] }[]
  >;
  readonly karras: readonly (Spacing & { readonly rho: number })[];
  readonly exponential: readonly Spacing[];
  readonly beta: readonly (Spacing & { readonly alpha: number; readonly beta: number })[];
  readonly stretch_to_terminal: readonly {
    readonly terminal: number;
    readonly in: readonly number[];
    readonly out: readonly number[];
  }[];
  readonly strength_to_t_start: readonly {
    readonly num_inference_steps: number;
    readonly strength: number;
    readonly t_start: number;
  }[];
}

const endsOf = ({ sigma_max, sigma_min }: Spacing) => ({ max: sigma_max, min: sigma_min });

test.each(schedulerFixtures<ScheduleHelpers>('schedule_helpers'))('$title', ({ content }) => {
  const close = (actual: readonly number[], expected: readonly number[]) =>
    expect(relativeError(actual, expected)).toBeLessThan(1e-13);
  for (const { image_seq_len, base_seq_len, max_seq_len, base_shift, max_shift, mu } of content.calculate_shift) {
    const shift = { baseLength: base_seq_len, maxLength: max_seq_len, baseShift: base_shift, maxShift: max_shift };
    close([calculateShift(image_seq_len, shift)], [mu]);
  }
  for (const { image_seq_len, num_steps, mu } of content.compute_empirical_mu) {
    close([flux2Shift(image_seq_len, num_steps)], [mu]);
  }
  for (const { num_steps, threshold_noise, linear_steps, sigmas } of content.linear_quadratic_schedule) {
    const options = { threshold: threshold_noise, linearSteps: linear_steps ?? undefined };
    close(linearQuadraticSigmas(num_steps, options), sigmas);
  }
  for (const type of ['exponential', 'linear'] as const) {
    for (const { mu, out } of content.time_shift[type]) {
      close(shiftSigmasByMu(content.time_shift.t, { mu, type }), out);
    }
  }
  for (const { rho, ...spacing } of content.karras) {
    close(karrasSigmas(spacing.n, { rho, ...endsOf(spacing) }), spacing.sigmas);
  }
  for (const spacing of content.exponential) close(exponentialSigmas(spacing.n, endsOf(spacing)), spacing.sigmas);
  for (const { alpha, beta, ...spacing } of content.beta) {
    close(betaSigmas(spacing.n, { alpha, beta, ...endsOf(spacing) }), spacing.sigmas);
  }
  for (const { terminal, in: input, out } of content.stretch_to_terminal)
    close(stretchToTerminal(input, terminal), out);
  for (const { num_inference_steps, strength, t_start } of content.strength_to_t_start) {
    expect(startOfStrength(num_inference_steps, strength)).toBe(t_start);
  }
});

test('static k = linear mu k = exponential mu ln k, at seeds', () => {
  const draws = uniformNoise(200, { seed: 3 });
  for (let i = 0; i < 200; i += 2) {
    const shift = 10 ** (3 * draws[i]! - 1.5);
    const sigmas = uniformSigmas(1 + Math.floor(40 * draws[i + 1]!));
    const expected = shiftSigmas(sigmas, shift);
    expect(relativeError(shiftSigmasByMu(sigmas, { mu: shift, type: 'linear' }), expected)).toBe(0);
    expect(relativeError(shiftSigmasByMu(sigmas, { mu: Math.log(shift) }), expected)).toBeLessThan(1e-13);
  }
});

test('a stretch keeps 1 and a closing 0 in place, and has a limit where there is one step', () => {
  const sigmas = stretchToTerminal(shiftSigmas(uniformSigmas(7), 3), 0.1);
  expect([sigmas[0], sigmas.at(-1)]).toEqual([1, 0]);
  expect(sigmas.at(-2)).toBeCloseTo(0.1, 15);
  expect(stretchToTerminal([1, 0], 0.1)).toEqual([1, 0]);
  for (const terminal of [1, -0.1, Number.NaN]) expect(() => stretchToTerminal([1, 0], terminal)).toThrow(/terminal/);
});

test('spacings begin at max and end at min; one step is max', () => {
  for (const spacing of [karrasSigmas, exponentialSigmas, betaSigmas]) {
    const sigmas = spacing(9, { max: 0.9, min: 0.01 });
    expect(sigmas).toHaveLength(9);
    expect(sigmas[0]).toBeCloseTo(0.9, 14);
    expect(sigmas.at(-1)).toBeCloseTo(0.01, 14);
    sigmas.slice(1).forEach((sigma, i) => expect(sigma).toBeLessThan(sigmas[i]!));
    expect(spacing(1, { max: 0.9, min: 0.01 })[0]).toBeCloseTo(0.9, 14);
    expect(() => spacing(0, { min: 0.1 })).toThrow(/steps to be an integer >= 1/);
    expect(() => spacing(3, { min: 0 })).toThrow(/min to be a finite number > 0/);
    expect(() => spacing(3, { min: 0.5, max: 0.2 })).toThrow(/expected min < max, got min 0.5 and max 0.2/);
  }
  expect(() => karrasSigmas(3, { min: 0.1, rho: 0 })).toThrow(/rho/);
});

test('the linear and the quadratic part meet with one slope', () => {
  const sigmas = linearQuadraticSigmas(40, { threshold: 0.1, linearSteps: 15 });
  const slopes = sigmas.slice(1).map((sigma, i) => sigmas[i]! - sigma);
  slopes.slice(0, 15).forEach((slope) => expect(slope).toBeCloseTo(0.1 / 15, 12));
  const bends = slopes.slice(1).map((slope, i) => slope - slopes[i]!);
  bends.slice(15).forEach((bend) => expect(bend).toBeCloseTo(bends[15]!, 12));
  expect(linearQuadraticSigmas(1)).toEqual([1]);
  expect(() => linearQuadraticSigmas(4, { linearSteps: 5 })).toThrow(/linearSteps to be an integer in \[1, 4\]/);
});

test('bad arguments of the shifts', () => {
  expect(cogView4Shift(4096)).toBe(3.25);
  expect(() => calculateShift(1024, { baseLength: 256, maxLength: 256 })).toThrow(/maxLength to be an integer >= 257/);
  expect(() => calculateShift(0)).toThrow(/length/);
  expect(() => flux2Shift(1024, 0)).toThrow(/steps/);
  expect(() => shiftSigmasByMu([1, 0], { mu: 0, type: 'linear' })).toThrow(/mu to be a finite number > 0/);
  expect(() => shiftSigmasByMu([1, 0], { mu: Number.NaN })).toThrow(/shiftSigmasByMu: expected mu/);
  expect(() => shiftSigmasByMu([1, 0], { mu: 1, type: 'log' as 'linear' })).toThrow(/type to be one of/);
  expect(() => startOfStrength(10, 1.2)).toThrow(/strength to be a finite number in \[0, 1\]/);
  expect(() => startOfStrength(0, 0.5)).toThrow(/steps/);
});
