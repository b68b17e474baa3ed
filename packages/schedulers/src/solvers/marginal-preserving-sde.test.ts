import { LatteFlowError, normalNoise, seededStepNoise } from '@latte-flow/core';
import { describe, expect, test } from 'vitest';

import { flatNumbers, relativeError, schedulerFixtures } from '../../../../tooling/test/scheduler-fixtures.ts';
import { cosinePath } from '../paths/cosine.ts';
import { linearPath } from '../paths/linear.ts';
import type { Path } from '../paths/path.ts';
import { variancePreservingPath } from '../paths/variance-preserving.ts';
import { gaussianFlow, momentsOfRun } from '../testing/gaussian-flow.ts';
import { diffusionForms } from './diffusion-form.ts';
import { euler } from './euler.ts';
import { type FloatArray } from '../arrays/float-array.ts';
import { floatArrays } from './float-arrays.ts';
import { heun } from './heun.ts';
import { integrate } from './integrate.ts';
import { marginalPreservingSde, type MarginalPreservingSdeOptions } from './marginal-preserving-sde.ts';
import { stepperOf } from './stepper.ts';

const uniform = (steps: number, [start, end]: readonly [number, number] = [0, 1]) =>
  Array.from({ length: steps + 1 }, (_, i) => (i === steps ? end : start + ((end - start) * i) / steps));
const model = (x: number, time: number) => Math.tanh(1.3 * x + 0.5 * time) - 0.2 * x;
const velocity = (x: FloatArray, time: number) => x.map((value) => model(value, time));
const sample = new Float64Array([0.5, -1.25, 2, -0.75]);
const noise = seededStepNoise({ seed: 4 });
const data = { mean: 1.5, std: 0.4 };
const step = { index: 0, count: 1, start: 0.5, memory: {} };

describe('keeps the distribution of the flow', () => {
  const cases = diffusionForms.flatMap((diffusion) =>
    [linearPath, cosinePath, variancePreservingPath()].flatMap((path) =>
      (['euler-maruyama', 'heun'] as const).map((method) => ({ diffusion, method, path })),
    ),
  );

  test.each(cases)('$diffusion on the $path.name path by $method, weak order 1', async (options) => {
    const flow = gaussianFlow(data, options.path);
    const solver = marginalPreservingSde({ ...options, norm: 0.8, lastStep: 'none' });
    expect(solver.order).toBe(1);
    const errorAt = async (steps: number) => {
      const run = await momentsOfRun(solver, { times: uniform(steps, [0.3, 0.7]), flow });
      const exact = flow.momentsAt(0.7);
      return Math.hypot(run.mean - exact.mean, run.variance - exact.variance);
    };
    const [coarse, fine] = [await errorAt(150), await errorAt(300)];
    expect(fine).toBeLessThan(5e-3);
    expect(Math.log2(coarse / fine)).toBeGreaterThan(0.9);
  });

  test('up to the data, whatever the last step', async () => {
    const flow = gaussianFlow(data);
    for (const lastStep of ['mean', 'tweedie', 'euler', 'none'] as const) {
      const run = await momentsOfRun(marginalPreservingSde({ lastStep }), { times: uniform(800), flow });
      expect(run.mean).toBeCloseTo(data.mean, 2);
      expect(run.variance).toBeCloseTo(data.std ** 2, 2);
    }
  });

  test('for a seeded ensemble, within four standard errors', async () => {
    const size = 20_000;
    const flow = gaussianFlow(data);
    const { sample: end } = await integrate(marginalPreservingSde(), {
      times: uniform(200),
      sample: Float64Array.from(normalNoise(size, { seed: 1 })),
      noise: seededStepNoise({ seed: 1 }),
      velocity: flow.velocity,
    });
    const mean = end.reduce((sum, x) => sum + x, 0) / size;
    const variance = end.reduce((sum, x) => sum + (x - mean) ** 2, 0) / (size - 1);
    expect(Math.abs(mean - data.mean)).toBeLessThan((4 * data.std) / Math.sqrt(size));
    expect(Math.abs(variance - data.std ** 2)).toBeLessThan(4 * data.std ** 2 * Math.sqrt(2 / (size - 1)));
  });
});

test('without diffusion is Euler, and Heun', async () => {
  const start = { times: uniform(7), sample, velocity, noise };
  for (const lastStep of ['mean', 'euler', 'none'] as const) {
    const plain = await integrate(marginalPreservingSde({ norm: 0, lastStep }), start);
    expect(plain.sample).toEqual((await integrate(euler(), start)).sample);
  }
  const second = await integrate(marginalPreservingSde({ norm: 0, lastStep: 'none', method: 'heun' }), start);
  const expected = await integrate(heun(), start);
  expect(relativeError(second.sample, expected.sample)).toBeLessThan(1e-15);
  expect(second.evaluations).toBe(14);
});

test('on sigmas with dx/dsigma does what it does on times', async () => {
  for (const method of ['euler-maruyama', 'heun'] as const) {
    for (const lastStep of ['mean', 'tweedie', 'euler', 'none'] as const) {
      const solver = marginalPreservingSde({ method, lastStep });
      const forward = await integrate(solver, { times: uniform(6), sample, velocity, noise });
      const sigmas = uniform(6, [1, 0]);
      const mirrored = await integrate(solver, {
        sigmas,
        sample,
        noise,
        velocity: (x, sigma) => velocity(x, 1 - sigma).map((value) => -value),
      });
      expect(relativeError(mirrored.sample, forward.sample)).toBeLessThan(1e-14);
    }
  }
});

test('the limits at the data are those of the quotients next to it', () => {
  const h = 1e-6;
  for (const path of [linearPath, cosinePath]) {
    for (const diffusion of diffusionForms.filter((form) => form !== 'constant')) {
      const solver = marginalPreservingSde({ path, diffusion, method: 'heun', lastStep: 'none' });
      const [atEnd, before] = [1, 1 - h].map((end) => {
        const plan = solver.plan({ ...step, grid: { convention: 'time', nodes: [0.5, end] }, end });
        const store = plan.at(-1)!;
        return store.kind === 'store' ? Object.values(store.slots['sample']!) : [];
      });
      expect(relativeError(atEnd!, before!), `${diffusion} on ${path.name}`).toBeLessThan(20 * h);
    }
  }
});

interface SitRun {
  readonly path: string;
  readonly method: string;
  readonly diffusion_form: string;
  readonly last_step: string | null;
  readonly num_steps: number;
  readonly t0: number;
  readonly t1: number;
  readonly noise: readonly unknown[];
  readonly init: unknown;
  readonly model: string;
  readonly samples: readonly unknown[];
}

const sitPaths: Readonly<Record<string, Path>> = {
  Linear: linearPath,
  GVP: cosinePath,
  VP: variancePreservingPath(),
};

test.each(schedulerFixtures<{ sde: readonly SitRun[] }>('sit'))('$title: every SDE run', ({ content }) => {
  expect(content.sde.length).toBeGreaterThan(0);
  for (const run of content.sde) {
    expect(run.model).toBe('u(x,t)=tanh(1.3*x+0.5*t)-0.2*x');
    const grid = uniform(run.num_steps - 1, [run.t0, run.t1]);
    const last = run.last_step !== null;
    const solver = marginalPreservingSde({
      path: sitPaths[run.path],
      diffusion: run.diffusion_form.toLowerCase().replace('cc', 'c') as MarginalPreservingSdeOptions['diffusion'],
      method: run.method === 'Heun' ? 'heun' : 'euler-maruyama',
      lastStep: (run.last_step?.toLowerCase() ?? 'none') as MarginalPreservingSdeOptions['lastStep'],
    });
    const stepper = stepperOf(solver, { arithmetic: floatArrays, noise: (at) => flatNumbers(run.noise[at]) });
    const samples: FloatArray[] = [];
    let state = stepper.begin({ times: last ? [...grid, 1] : grid, sample: flatNumbers(run.init) });
    while (state.request !== undefined) {
      const before = state.step;
      state = stepper.advance(state, velocity(state.request.sample, state.request.node));
      if (state.step > before) samples.push(state.slots.sample);
    }
    if (!last) samples.push(samples.at(-1)!);
    expect(samples.length).toBe(run.samples.length);
    run.samples.forEach((expected, i) => {
      const { path, method, diffusion_form: form, last_step: end } = run;
      const error = relativeError(samples[i]!, flatNumbers(expected));
      expect(error, `${path}, ${method}, ${form}, ${end}, step ${i}`).toBeLessThanOrEqual(1e-10);
    });
  }
});

describe('bad input', () => {
  test.each<[string, object, RegExp]>([
    ['diffusion', { diffusion: 'SBDM' }, /diffusion to be one of sbdm, sigma, constant, .*got "SBDM"/],
    ['method', { method: 'euler' }, /method to be one of euler-maruyama, heun, got "euler"/],
    ['last step', { lastStep: 'Mean' }, /lastStep to be one of mean, tweedie, euler, none/],
    ['norm', { norm: -1 }, /norm to be a finite number >= 0, got -1/],
  ])('refuses an unknown %s', (_, options, message) => {
    expect(() => marginalPreservingSde(options)).toThrow(message);
    expect(() => marginalPreservingSde(options)).toThrow(LatteFlowError);
  });

  test.each<[string, MarginalPreservingSdeOptions, object, RegExp]>([
    [
      'sbdm at the noise',
      { diffusion: 'sbdm' },
      { times: [0, 0.5, 1] },
      /sbdm on the linear path at t = 0.*Stop short/,
    ],
    [
      'constant at the data',
      { diffusion: 'constant', method: 'heun', lastStep: 'none' },
      { times: [0, 1] },
      /constant on the linear path at t = 1/,
    ],
    [
      'decreasing of another norm at the data',
      { diffusion: 'decreasing', norm: 2, method: 'heun', lastStep: 'none' },
      { sigmas: [1, 0] },
      /decreasing on the linear path at t = 1/,
    ],
    ['a grid towards the noise', {}, { times: [1, 0] }, /a grid from noise to data, got a step from time 1 to 0/],
    ['angles', {}, { angles: [1.5, 0] }, /a grid of sigmas or times, got angles/],
  ])('refuses %s', async (_, options, grid, message) => {
    const never = () => {
      throw new Error('evaluated');
    };
    const run = integrate(marginalPreservingSde(options), { sample, noise, ...grid, velocity: never });
    await expect(run).rejects.toThrow(message);
  });
});
