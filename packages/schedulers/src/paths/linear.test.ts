import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import { convertPrediction, conversionCoefficients, type Prediction } from './conversion.ts';
import { interpolate, targetVelocity } from './interpolation.ts';
import { linearPath } from './linear.ts';
import { sigmaOfTime, sigmasOfTimes, timeOfSigma, timesOfSigmas } from './time-convention.ts';

const predictions: readonly Prediction[] = ['velocity', 'data', 'noise', 'score'];

describe('conversions', () => {
  const value = fc.double({ min: -10, max: 10, noNaN: true });
  test('each leads from what is known to what is asked, and back', () => {
    fc.assert(
      fc.property(value, value, fc.double({ min: 0.01, max: 0.99, noNaN: true }), (data, noise, time) => {
        const ends = { data: new Float64Array([data]), noise: new Float64Array([noise]), time };
        const sample = interpolate(linearPath, ends);
        const truth = { data, noise, velocity: targetVelocity(linearPath, ends)[0]!, score: -noise / (1 - time) };
        for (const from of predictions) {
          for (const to of predictions) {
            const prediction = new Float64Array([truth[from]]);
            const converted = convertPrediction(linearPath, { from, to, time, sample, prediction });
            expect(Math.abs(converted[0]! - truth[to])).toBeLessThan(1e-10);
          }
        }
      }),
      { seed: 11, numRuns: 300 },
    );
  });

  test('the velocity gives the data and the noise at both ends', () => {
    for (const time of [0, 1]) {
      const data = conversionCoefficients(linearPath, { from: 'velocity', to: 'data', time });
      const noise = conversionCoefficients(linearPath, { from: 'velocity', to: 'noise', time });
      expect([data.sample, noise.sample]).toEqual([1, 1]);
      expect(data.prediction === 1 - time && noise.prediction === -time).toBe(true);
    }
  });

  test('refuses the singular ends, times outside [0, 1] and arrays of two lengths', () => {
    const refused = (from: Prediction, to: Prediction, time: number) => () =>
      conversionCoefficients(linearPath, { from, to, time });
    expect(refused('data', 'velocity', 1)).toThrow(
      /at which the data and x_t of the linear path determine the velocity, got t = 1/,
    );
    expect(refused('noise', 'data', 0)).toThrow(/got t = 0/);
    expect(refused('velocity', 'data', 1.1)).toThrow(/time to be a finite number in \[0, 1\]/);
    expect(refused('clean' as Prediction, 'data', 0.5)).toThrow(/one of velocity, data, noise, score/);
    const ends = { data: new Float32Array(2), noise: new Float32Array(3), time: 0.5 };
    expect(() => interpolate(linearPath, ends)).toThrow(/interpolate: expected an array of 2 elements/);
  });
});

test('t = 1 - sigma, either way', () => {
  expect([timeOfSigma(1), timeOfSigma(0.25), sigmaOfTime(0.25)]).toEqual([0, 0.75, 0.75]);
  expect(timesOfSigmas([1, 0.25, 0])).toEqual([0, 0.75, 1]);
  expect(sigmasOfTimes(timesOfSigmas([1, 0.25, 0]))).toEqual([1, 0.25, 0]);
  expect(() => timeOfSigma(-0.1)).toThrow(/sigma to be a finite number in \[0, 1\]/);
});
