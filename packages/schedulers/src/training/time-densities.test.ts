import { NoisePurpose, normalNoise, uniformNoise } from '@latte-flow/core';
import { describe, expect, test } from 'vitest';

import { relativeError, schedulerFixtures } from '../../../../tooling/test/scheduler-fixtures.ts';
import { convertPrediction } from '../paths/conversion.ts';
import { interpolate } from '../paths/interpolation.ts';
import { linearPath } from '../paths/linear.ts';
import { shiftSigmas } from '../sigmas/shift.ts';
import { uniformSigmas } from '../sigmas/uniform.ts';
import { betaDensity } from './beta.ts';
import { cosmapDensity } from './cosmap.ts';
import { diffusersTime, diffusersTimestepIndex } from './diffusers-draws.ts';
import { edmSkewedDensity } from './edm-skewed.ts';
import { logitNormalDensity } from './logit-normal.ts';
import { lossWeight, noiseLossWeight } from './loss-weights.ts';
import { modeDensity } from './mode.ts';
import { normalCdf } from '../distributions/normal.ts';
import { drawTimes, restrictDensity, type TimeDensity } from './time-density.ts';
import { trainingTarget } from './training-target.ts';
import { affineDensity, reversedDensity, shiftedDensity } from './transformed-density.ts';
import { uniformDensity } from './uniform-density.ts';

type Numbers = readonly number[];
interface DensityFixture {
  readonly uniform_draws: Numbers;
  readonly normal_draws: Numbers;
  readonly diffusers: {
    readonly logit_normal: readonly { readonly logit_mean: number; readonly logit_std: number; readonly u: Numbers }[];
    readonly mode: readonly { readonly mode_scale: number; readonly u: Numbers }[];
    readonly index_map: {
      readonly u: Numbers;
      readonly index: Numbers;
      readonly sigma_shift1: Numbers;
      readonly sigma_shift3: Numbers;
    };
  };
  readonly formula: {
    readonly cosmap: { readonly t: Numbers };
    readonly beta: readonly { readonly a: number; readonly b: number; readonly t: Numbers }[];
    readonly pi0_beta: { readonly t: Numbers };
    readonly shifted_uniform: readonly { readonly shift: number; readonly t: Numbers }[];
    readonly shifted_logit_normal_z: readonly {
      readonly mean: number;
      readonly std: number;
      readonly shift: number;
      readonly t: Numbers;
    }[];
    readonly edm_skewed: { readonly t: Numbers };
  };
  readonly weights: Readonly<Record<string, Numbers & { readonly t: Numbers; readonly w: Numbers }>>;
}

const pi0 = affineDensity(betaDensity({ alpha: 1.5, beta: 1 }), { scale: 0.999, offset: 0.001 });

describe.each(schedulerFixtures<DensityFixture>('time_densities'))('$title', ({ content }) => {
  const { uniform_draws: uniforms, normal_draws: normals, diffusers, formula, weights } = content;
  const near = (actual: ArrayLike<number>, expected: Numbers) =>
    expect(relativeError(actual, expected)).toBeLessThan(1e-12);

  test('draws of diffusers', () => {
    for (const { logit_mean: logitMean, logit_std: logitStd, u } of diffusers.logit_normal) {
      near(normals.map((draw) => diffusersTime('logit_normal', { draw, logitMean, logitStd })), u); // prettier-ignore
    }
    for (const { mode_scale: scale, u } of diffusers.mode) {
      near(uniforms.map((draw) => diffusersTime('mode', { draw, modeScale: scale })), u); // prettier-ignore
      near(uniforms.map((q) => modeDensity({ scale }).inverseCdf(1 - q)), u); // prettier-ignore
    }
    expect(uniforms.map((draw) => diffusersTime('cosmap', { draw }))).toEqual(uniforms);
    const { u, index, sigma_shift1, sigma_shift3 } = diffusers.index_map;
    const indices = u.map((value) => diffusersTimestepIndex(value));
    expect(indices).toEqual(index);
    const sigmas = uniformSigmas(1000);
    near(indices.map((i) => sigmas[i]!), sigma_shift1); // prettier-ignore
    near(indices.map((i) => shiftSigmas(sigmas, 3)[i]!), sigma_shift3); // prettier-ignore
  });

  test('densities', () => {
    near(drawTimes(cosmapDensity, { uniforms }), formula.cosmap.t);
    for (const { a, b, t } of formula.beta) near(drawTimes(betaDensity({ alpha: a, beta: b }), { uniforms }), t);
    near(drawTimes(pi0, { uniforms }), formula.pi0_beta.t);
    for (const { shift, t } of formula.shifted_uniform) {
      near(drawTimes(shiftedDensity(uniformDensity, shift), { uniforms }), t);
    }
    for (const { mean, std, shift, t } of formula.shifted_logit_normal_z) {
      const density = shiftedDensity(logitNormalDensity({ mean, std }), shift);
      near(drawTimes(density, { uniforms: normals.map(normalCdf) }), t);
    }
    near(drawTimes(edmSkewedDensity(), { uniforms: normals.map((z) => normalCdf(-z)) }), formula.edm_skewed.t);
  });

  test('weights', () => {
    for (const weighting of ['none', 'sigma_sqrt', 'cosmap'] as const) {
      const expected = weights[weighting]!;
      near(Array.from(weights['sigmas']!, (sigma) => lossWeight(weighting, sigma)), expected.w ?? expected); // prettier-ignore
    }
    for (const weighting of ['velocity', 'likelihood'] as const) {
      const { t, w } = weights[`sit_${weighting}_for_noise_model_linear_path`]!;
      near(t.map((time) => noiseLossWeight(linearPath, { time, weighting })), w); // prettier-ignore
    }
  });
});

const densities: readonly TimeDensity[] = [
  uniformDensity,
  logitNormalDensity({ mean: -0.8, std: 0.6 }),
  modeDensity(),
  modeDensity({ scale: -0.9 }),
  modeDensity({ scale: -1 }),
  modeDensity({ scale: 2 / (Math.PI - 2) }),
  cosmapDensity,
  betaDensity({ alpha: 2, beta: 5 }),
  betaDensity({ alpha: 0.6, beta: 0.6 }),
  edmSkewedDensity(),
  edmSkewedDensity({ mean: 0.5, std: 2, min: 0 }),
  pi0,
  reversedDensity(pi0),
  shiftedDensity(uniformDensity, 3),
  shiftedDensity(betaDensity({ alpha: 1.5, beta: 1 }), 0.4),
  shiftedDensity(reversedDensity(logitNormalDensity({ mean: 1 })), 1 / 3.1582),
];

describe.each(densities.map((density) => [density.name, density] as const))('%s', (_, density) => {
  const seeded = uniformNoise(200, { seed: 12, purpose: NoisePurpose.time });

  test('the inverse cdf inverts the cdf', () => {
    for (const u of seeded) {
      const t = density.inverseCdf(u);
      expect(t).toBeGreaterThanOrEqual(0);
      expect(t).toBeLessThanOrEqual(1);
      expect(Math.abs(density.inverseCdf(density.cdf(t)) - t)).toBeLessThan(1e-12);
    }
    expect([density.cdf(0), density.cdf(1)]).toEqual([0, 1]);
    expect([density.pdf(-0.1), density.pdf(1.1), density.cdf(-0.1), density.cdf(1.1)]).toEqual([0, 0, 0, 1]);
  });

  test('the pdf is the slope of the cdf, and integrates to 1', () => {
    for (const t of [0.07, 0.3, 0.45, 0.55, 0.92]) {
      const slope = (density.cdf(t + 1e-5) - density.cdf(t - 1e-5)) / 2e-5;
      expect(Math.abs(slope - density.pdf(t))).toBeLessThan(1e-6 * Math.max(1, density.pdf(t)));
    }
    // The midpoint rule on either half, through a map that is flat at its ends: some densities are infinite at 0, 1/2 or 1.
    const points = 4000;
    let mass = 0;
    for (const start of [0, 0.5]) {
      for (let i = 0; i < points; i++) {
        const s = (i + 0.5) / points;
        const t = start + 0.5 * s ** 3 * (10 - 15 * s + 6 * s * s);
        mass += (0.5 * 30 * (s * (1 - s)) ** 2 * density.pdf(t)) / points;
      }
    }
    expect(Math.abs(mass - 1)).toBeLessThan(1e-5);
  });

  test('a restricted density splits its mass as the whole does', () => {
    const restricted = restrictDensity(density, [0.25, 0.5]);
    const drawn = drawTimes(density, { uniforms: seeded, interval: [0.25, 0.5] });
    drawn.forEach((t, i) => {
      expect(t >= 0.25 && t <= 0.5).toBe(true);
      expect(Math.abs(restricted.cdf(t) - seeded[i]!)).toBeLessThan(1e-6);
    });
  });
});

describe('identities', () => {
  const at = [0.001, 0.2, 0.5, 0.77, 1];

  test('of densities', () => {
    for (const u of at) {
      expect(modeDensity({ scale: 0 }).inverseCdf(u)).toBeCloseTo(u, 15);
      // The arcsine law.
      expect(modeDensity({ scale: -1 }).cdf(u)).toBeCloseTo((2 / Math.PI) * Math.asin(Math.sqrt(u)), 12);
      expect(betaDensity({ alpha: 1, beta: 1 }).inverseCdf(u)).toBeCloseTo(u, 14);
      expect(shiftedDensity(shiftedDensity(cosmapDensity, 3), 1 / 3).inverseCdf(u)).toBeCloseTo(cosmapDensity.inverseCdf(u), 14); // prettier-ignore
      // A shift of a logit-normal is a mean more.
      const shifted = shiftedDensity(logitNormalDensity(), Math.E);
      if (u < 1) expect(shifted.inverseCdf(u)).toBeCloseTo(logitNormalDensity({ mean: 1 }).inverseCdf(u), 14);
      expect(reversedDensity(reversedDensity(pi0)).cdf(u)).toBeCloseTo(pi0.cdf(u), 14);
      expect(lossWeight('cosmap', u)).toBeCloseTo(cosmapDensity.pdf(1 - u), 14);
    }
  });

  test('of weights: the velocity weight makes a noise error one of the velocity', () => {
    for (const time of [0.1, 0.5, 0.9]) {
      const sample = new Float64Array([0.3]);
      const velocityOf = (noise: number) =>
        convertPrediction(linearPath, { from: 'noise', to: 'velocity', time, sample, prediction: new Float64Array([noise]) })[0]!; // prettier-ignore
      const error = velocityOf(1.25) - velocityOf(1);
      const weighted = noiseLossWeight(linearPath, { time, weighting: 'velocity' }) * 0.0625;
      expect(weighted).toBeCloseTo(error * error, 10);
    }
  });

  test('of targets: what a perfect network says, converted, is each of them', () => {
    const [data, noise] = [0, 1].map((image) => Float64Array.from(normalNoise(5, { seed: 2, image })));
    const ends = { data: data!, noise: noise!, time: 0.3 };
    const sample = interpolate(linearPath, ends);
    const velocity = trainingTarget(linearPath, { ...ends, target: 'velocity' });
    expect(relativeError(velocity, data!.map((x, i) => x - noise![i]!))).toBeLessThan(1e-15); // prettier-ignore
    for (const target of ['data', 'noise'] as const) {
      const converted = convertPrediction(linearPath, { from: 'velocity', to: target, time: 0.3, sample, prediction: velocity }); // prettier-ignore
      expect(relativeError(converted, trainingTarget(linearPath, { ...ends, target }))).toBeLessThan(1e-14);
    }
    expect(trainingTarget(linearPath, { ...ends, target: 'data' })).toEqual(data);
  });
});

test.each<[() => unknown, RegExp]>([
  [() => modeDensity({ scale: 1.76 }), /modeDensity: expected scale to be a finite number in \[-1, 1.75/],
  [() => modeDensity({ scale: Number.NaN }), /scale/],
  [() => betaDensity({ alpha: 0, beta: 1 }), /alpha to be a finite number/],
  [() => edmSkewedDensity({ std: 0 }), /std/],
  [() => edmSkewedDensity({ min: -1 }), /min to be a finite number in \[0, 1\]/],
  [() => shiftedDensity(uniformDensity, 0), /shiftedDensity: expected shift to be a finite number > 0, got 0/],
  [() => affineDensity(uniformDensity, { scale: 0.9, offset: 0.2 }), /scale \+ offset to be a finite number <= 1, got 1.1/],
  [() => affineDensity(uniformDensity, { scale: -1, offset: 1 }), /scale/],
  [() => diffusersTime('half' as never, { draw: 0 }), /scheme to be one of none, sigma_sqrt, cosmap, logit_normal, mode/],
  [() => diffusersTime('mode', { draw: 1.5 }), /draw to be a finite number in \[0, 1\]/],
  [() => diffusersTime('logit_normal', { draw: Infinity }), /draw/],
  [() => diffusersTimestepIndex(2), /u to be a finite number in \[0, 1\]/],
  [() => lossWeight('sigma_sqrt', 0), /sigma to be a finite number > 0/],
  [() => lossWeight('none', 2), /sigma to be a finite number in \[0, 1\]/],
  [() => lossWeight('snr' as never, 0.5), /weighting to be one of none, sigma_sqrt, cosmap/],
  [() => noiseLossWeight(linearPath, { time: 0, weighting: 'velocity' }), /a time at which the velocity weight is finite, got t = 0/],
  [() => noiseLossWeight(linearPath, { time: 1, weighting: 'likelihood' }), /got t = 1/],
  [() => trainingTarget(linearPath, { data: new Float64Array(2), noise: new Float64Array(3), time: 0.5, target: 'data' }), /2 elements/],
  [() => trainingTarget(linearPath, { data: new Float64Array(2), noise: new Float64Array(2), time: 0.5, target: 'score' as never }), /target to be one of velocity, data, noise/],
])('refuses %s', (run, message) => {
  expect(run).toThrow(message);
}); // prettier-ignore

test('the last index stands for u = 1', () => {
  expect([diffusersTimestepIndex(1), diffusersTimestepIndex(0), diffusersTimestepIndex(0.9995, 10)]).toEqual([
    999, 0, 9,
  ]);
});
