import { seededStepNoise } from '@latte-flow/core';
import { describe, expect, test } from 'vitest';

import { ancestralEuler } from '../solvers/ancestral-euler.ts';
import { euler } from '../solvers/euler.ts';
import { type FloatArray } from '../arrays/float-array.ts';
import { floatArrays } from '../solvers/float-arrays.ts';
import { lcm } from '../solvers/lcm.ts';
import { marginalPreservingSde } from '../solvers/marginal-preserving-sde.ts';
import { stepperOf } from '../solvers/stepper.ts';
import { transitionLogProbability } from './transition-log-probability.ts';

const noise = seededStepNoise({ seed: 3 });
const velocity = (x: FloatArray, sigma: number) => x.map((value) => Math.tanh(1.3 * value + 0.5 * sigma) - 0.2 * value);
const sample = new Float64Array([0.5, -1.25, 2, -0.75]);
const logNormal = (z: number) => -0.5 * z * z - Math.log(2 * Math.PI) / 2;

test("is Flow-GRPO's: mean over the elements of log N for sigma_t = a sqrt(s / (1 - s))", () => {
  const a = 0.7;
  const solver = marginalPreservingSde({ diffusion: 'sbdm', norm: (a * a) / 2 });
  const sigmas = [0.9, 0.75, 0.5, 0];
  const stepper = stepperOf(solver, { arithmetic: floatArrays, noise });
  let state = stepper.begin({ sigmas, sample });
  for (const step of [0, 1]) {
    const x = state.slots.sample;
    const [s, t] = [sigmas[step]!, sigmas[step + 1]!];
    const v = velocity(x, s);
    state = stepper.advance(state, v);
    const next = state.slots.sample;
    const deviation = a * Math.sqrt(s / (1 - s));
    const dt = t - s;
    const std = deviation * Math.sqrt(-dt);
    const expected = [...x].reduce((sum, value, i) => {
      const spread = deviation ** 2 / (2 * s);
      const mean = value * (1 + spread * dt) + v[i]! * (1 + spread * (1 - s)) * dt;
      return sum + (-((next[i]! - mean) ** 2) / (2 * std ** 2) - Math.log(std) - Math.log(Math.sqrt(2 * Math.PI)));
    }, 0);
    const transition = { sigmas, step, sample: x, velocity: v, next };
    expect(transitionLogProbability(solver, transition)).toBeCloseTo(expected, 10);
    const times = sigmas.map((sigma) => 1 - sigma);
    const mirrored = { times, step, sample: x, velocity: v.map((value) => -value), next };
    expect(transitionLogProbability(solver, mirrored)).toBeCloseTo(expected, 10);
  }
});

test.each([marginalPreservingSde(), ancestralEuler({ eta: 0.5 }), lcm()])(
  '$name: is that of the noise drawn',
  (solver) => {
    const sigmas = [0.9, 0.4, 0];
    const stepper = stepperOf(solver, { arithmetic: floatArrays, noise });
    const begin = stepper.begin({ sigmas, sample });
    const v = velocity(sample, 0.9);
    const transition = { sigmas, step: 0, sample, velocity: v };
    const next = stepper.advance(begin, v).slots.sample;
    // The density of a linear map of the noise: log N(noise) minus the logarithm of its scale, n times.
    const silent = stepperOf(solver, { arithmetic: floatArrays, noise: (_, n) => new Float64Array(n) });
    const mean = silent.advance(silent.begin({ sigmas, sample }), v).slots.sample;
    const drawn = noise(0, 4);
    const scale = (next[0]! - mean[0]!) / drawn[0]!;
    const expected = drawn.reduce((sum, z) => sum + logNormal(z), 0) - 4 * Math.log(scale);
    expect(transitionLogProbability(solver, { ...transition, next })).toBeCloseTo(expected, 9);
  },
);

describe('refuses', () => {
  const sigmas = [0.9, 0.4, 0];
  const transition = { sigmas, step: 0, sample, velocity: sample, next: sample };

  test.each([
    ['a solver without noise', euler(), 0, /a step of one evaluation, with noise, got step 0 of the solver euler/],
    ['a last step without noise', marginalPreservingSde(), 1, /step 1 of the solver marginal-preserving-sde/],
    ['noise of weight 0', lcm(), 1, /step 1 of the solver lcm/],
    ['a step that is not Gaussian', marginalPreservingSde({ method: 'heun' }), 0, /Take marginalPreservingSde with/],
    ['a step that the grid lacks', lcm(), 2, /to be an integer in \[0, 1\], got 2/],
  ])('%s', (_, solver, step, message) => {
    expect(() => transitionLogProbability(solver, { ...transition, step })).toThrow(message);
  });

  test('arrays of other lengths', () => {
    const shorter = { ...transition, velocity: new Float64Array(3) };
    expect(() => transitionLogProbability(lcm(), shorter)).toThrow(/an array of 4 elements/);
  });
});
