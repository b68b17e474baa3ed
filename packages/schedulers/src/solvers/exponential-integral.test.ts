import { describe, expect, test } from 'vitest';

import { type Field, logSnrOf, runOver, samplesOver } from '../testing/smooth-flow.ts';
import { deis } from './deis.ts';
import { dpmSolverMultistep } from './dpm-solver-multistep.ts';
import { dpmSolverSinglestep } from './dpm-solver-singlestep.ts';
import { saSolver } from './sa-solver.ts';
import type { Solver } from './solver.ts';
import type { NoiseSource } from './stepper.ts';
import { uniPC } from './uni-pc.ts';

const quiet = () => 0;

const odeSolvers: readonly Solver[] = [1, 2, 3].flatMap((order) => [
  dpmSolverMultistep({ order }),
  dpmSolverMultistep({ order, solverType: 'heun' }),
  dpmSolverSinglestep({ order }),
  dpmSolverSinglestep({ order, solverType: 'heun' }),
  uniPC({ order }),
  uniPC({ order, solverType: 'bh1' }),
  uniPC({ order, disableCorrector: true }),
  deis({ order }),
]);

describe('the exponential integral, by quadrature', () => {
  const grid = [0.97, 0.9, 0.83, 0.7, 0.52, 0.4, 0.21, 0.1, 0.02];
  const simpson = (f: (x: number) => number, a: number, b: number) => {
    const n = 2000;
    const terms = Array.from(
      { length: n + 1 },
      (_, i) => (i % n === 0 ? 1 : i % 2 === 1 ? 4 : 2) * f(a + ((b - a) * i) / n),
    );
    return (((b - a) / n) * terms.reduce((sum, term) => sum + term, 0)) / 3;
  };
  const polynomial = (degree: number) => (lambda: number) =>
    0.7 - (degree > 0 ? 0.4 * lambda : 0) + (degree > 1 ? 0.3 * lambda ** 2 : 0);
  const exactFrom =
    (warmUp: number, solver: Solver, { degree, tau }: { degree: number; tau: (sigma: number) => number }) =>
    async () => {
      const m = polynomial(degree);
      const samples = samplesOver(solver, grid, { field: (x, sigma) => (x - m(logSnrOf(sigma))) / sigma, sample: 1.2 });
      for (let i = warmUp; i < grid.length - 1; i++) {
        const [s, t] = [grid[i]!, grid[i + 1]!];
        const q = 1 + tau(s) ** 2;
        const [from, to] = [logSnrOf(s), logSnrOf(t)];
        const integral = simpson((lambda) => q * (1 - t) * Math.exp(q * (lambda - to)) * m(lambda), from, to);
        const expected = (t / s) * Math.exp((1 - q) * (to - from)) * samples[i]! + integral;
        expect(samples[i + 1]! - expected, `step ${i}`).toBeCloseTo(0, 9);
      }
    };
  const lowerOrderFinal = false;
  const one = () => 1;
  const half = () => 0.5;

  test('a constant prediction, every solver', async () => {
    for (const solver of [...odeSolvers, saSolver({ tau: quiet })])
      await exactFrom(0, solver, { degree: 0, tau: quiet })();
    for (const order of [1, 2, 3]) {
      await exactFrom(0, dpmSolverMultistep({ order, stochastic: true }), { degree: 0, tau: one })();
      await exactFrom(0, saSolver({ predictorOrder: order, correctorOrder: order, tau: half }), {
        degree: 0,
        tau: half,
      })();
    }
  });
  test(
    'a linear one, DPM-Solver++ 2M heun',
    exactFrom(1, dpmSolverMultistep({ solverType: 'heun', lowerOrderFinal }), { degree: 1, tau: quiet }),
  );
  test(
    'a linear one, SDE-DPM-Solver++ 2M heun',
    exactFrom(1, dpmSolverMultistep({ solverType: 'heun', stochastic: true, lowerOrderFinal }), {
      degree: 1,
      tau: one,
    }),
  );
  test(
    'a quadratic one, DPM-Solver++ 3M exact',
    exactFrom(2, dpmSolverMultistep({ order: 3, exactThirdOrder: true, lowerOrderFinal }), { degree: 2, tau: quiet }),
  );
  test(
    'a quadratic one, SDE-DPM-Solver++ 3M exact',
    exactFrom(2, dpmSolverMultistep({ order: 3, exactThirdOrder: true, stochastic: true, lowerOrderFinal }), {
      degree: 2,
      tau: one,
    }),
  );
  test(
    'a quadratic one, UniP 3',
    exactFrom(2, uniPC({ order: 3, disableCorrector: true, lowerOrderFinal }), { degree: 2, tau: quiet }),
  );

  test('the corrector takes a quadratic one exactly: the next prediction starts from the exact x', async () => {
    const m = polynomial(2);
    for (const tau of [quiet, half]) {
      const solver = saSolver({ predictorOrder: 3, correctorOrder: 4, tau, lowerOrderFinal });
      const samples = samplesOver(solver, grid, { field: (x, sigma) => (x - m(logSnrOf(sigma))) / sigma, sample: 1.2 });
      // From the second node on everything is exact but what the first, linear correction of step 0 left.
      const exact = (x: number, i: number) => {
        const q = 1 + tau() ** 2;
        const [from, to] = [logSnrOf(grid[i]!), logSnrOf(grid[i + 1]!)];
        const weight = (lambda: number) => q * (1 - grid[i + 1]!) * Math.exp(q * (lambda - to)) * m(lambda);
        return (grid[i + 1]! / grid[i]!) * Math.exp((1 - q) * (to - from)) * x + simpson(weight, from, to);
      };
      for (let i = 3; i < grid.length - 1; i++) expect(samples[i + 1]! - exact(samples[i]!, i)).toBeCloseTo(0, 9);
    }
  });

  test('DEIS: a noise prediction quadratic in lambda, down to the data', async () => {
    const epsilon = polynomial(2);
    const sigmas = [...grid, 0];
    const field: Field = (x, sigma) => (epsilon(logSnrOf(sigma)) - x) / (1 - sigma);
    const samples = samplesOver(deis({ order: 3, lowerOrderFinal }), sigmas, { field, sample: 1.2 });
    for (let i = 2; i < sigmas.length - 1; i++) {
      const [s, t] = [sigmas[i]!, sigmas[i + 1]!];
      const to = t === 0 ? logSnrOf(s) + 45 : logSnrOf(t);
      const integral = simpson((lambda) => -Math.exp(-lambda) * epsilon(lambda), logSnrOf(s), to);
      expect(samples[i + 1]! - (1 - t) * (samples[i]! / (1 - s) + integral), `step ${i}`).toBeCloseTo(0, 8);
    }
  });

  test('noise enters with the variance that the process has', async () => {
    const shout: NoiseSource = (step, length) => new Float64Array(length).fill(step === 0 ? 1 : 0);
    for (const [solver, tau] of [
      [dpmSolverMultistep({ stochastic: true }), 1],
      [dpmSolverSinglestep({ stochastic: true }), 1],
      [saSolver({ tau: half }), 0.5],
    ] as const) {
      const sigmas = [0.8, 0.5];
      const response = (await runOver(solver, sigmas, { noise: shout }))[0]! - (await runOver(solver, sigmas))[0]!;
      const h = logSnrOf(0.5) - logSnrOf(0.8);
      expect(response).toBeCloseTo(0.5 * Math.sqrt(1 - Math.exp(-2 * tau * tau * h)), 14);
    }
  });
});
