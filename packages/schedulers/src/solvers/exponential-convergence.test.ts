import { describe, expect, test } from 'vitest';

import { distance, runOver, sigmaOfLogSnr } from '../testing/smooth-flow.ts';
import { deis } from './deis.ts';
import { dpmSolverMultistep } from './dpm-solver-multistep.ts';
import { dpmSolverSinglestep } from './dpm-solver-singlestep.ts';
import { rk4 } from './rk4.ts';
import { saSolver } from './sa-solver.ts';
import type { Solver } from './solver.ts';
import { uniPC } from './uni-pc.ts';

const quiet = () => 0;

describe('order of convergence', () => {
  const full = { lowerOrderFinal: false };
  // The first step is of order 1, so it is made as short as its error must be for what follows to show.
  const shortStart = (n: number) =>
    [-2, -2 + (5 / n) ** 2, ...Array.from({ length: n }, (_, i) => -2 + (5 * (i + 1)) / n)].map(sigmaOfLogSnr);
  const regular = (n: number) => Array.from({ length: n + 1 }, (_, i) => sigmaOfLogSnr(-2 + (5 * i) / n));
  const reference = runOver(rk4(), regular(2000));

  test.each<[string, Solver, number]>([
    ['DPM-Solver++ 1', dpmSolverMultistep({ order: 1 }), 1],
    ['DPM-Solver++ 2M, midpoint', dpmSolverMultistep(full), 2],
    ['DPM-Solver++ 2M, heun', dpmSolverMultistep({ solverType: 'heun', ...full }), 2],
    ['DPM-Solver++ 3M as published', dpmSolverMultistep({ order: 3, ...full }), 2],
    ['DPM-Solver++ 3M, exact', dpmSolverMultistep({ order: 3, exactThirdOrder: true, ...full }), 3],
    ['DEIS 1', deis({ order: 1 }), 1],
    ['DEIS 2', deis(full), 2],
    ['DEIS 3', deis({ order: 3, ...full }), 3],
    ['UniP 1', uniPC({ order: 1, disableCorrector: true }), 1],
    ['UniP 2, bh1', uniPC({ solverType: 'bh1', disableCorrector: true, ...full }), 2],
    ['UniP 2, bh2', uniPC({ disableCorrector: true, ...full }), 2],
    ['UniP 3', uniPC({ order: 3, disableCorrector: true, ...full }), 3],
    ['UniPC 1', uniPC({ order: 1 }), 2],
    ['UniPC 2, bh1', uniPC({ solverType: 'bh1', ...full }), 3],
    ['UniPC 2, bh2', uniPC(full), 3],
    ['UniPC 3', uniPC({ order: 3, ...full }), 4],
    ['SA 1, 1', saSolver({ predictorOrder: 1, correctorOrder: 1, tau: quiet, ...full }), 1],
    ['SA 2, 2', saSolver({ tau: quiet, ...full }), 2],
    ['SA 2, 3', saSolver({ correctorOrder: 3, tau: quiet, ...full }), 3],
    ['SA 3, 4', saSolver({ predictorOrder: 3, correctorOrder: 4, tau: quiet, ...full }), 4],
  ])('%s', async (_, solver, order) => {
    expect(solver.order).toBe(order);
    const [coarse, fine] = [await runOver(solver, shortStart(120)), await runOver(solver, shortStart(240))];
    const observed = Math.log2(distance(coarse, await reference) / distance(fine, await reference));
    expect(Math.abs(observed - order)).toBeLessThan(0.1);
  });

  test.each<[string, Solver, number]>([
    ['singlestep 1', dpmSolverSinglestep({ order: 1 }), 1],
    ['singlestep 2, midpoint', dpmSolverSinglestep(), 2],
    ['singlestep 2, heun', dpmSolverSinglestep({ solverType: 'heun' }), 2],
    ['singlestep 3, midpoint', dpmSolverSinglestep({ order: 3 }), 2],
    ['singlestep 3, heun', dpmSolverSinglestep({ order: 3, solverType: 'heun' }), 2],
  ])('%s', async (_, solver, order) => {
    expect(solver.order).toBe(order);
    const [coarse, fine] = [await runOver(solver, regular(240)), await runOver(solver, regular(480))];
    const observed = Math.log2(distance(coarse, await reference) / distance(fine, await reference));
    expect(Math.abs(observed - order)).toBeLessThan(0.15);
  });

  test('the upstream sign of the third order with noise leaves an error that does not vanish', async () => {
    const error = async (sde3Sign: 'upstream' | 'corrected', n: number) => {
      const solver = dpmSolverMultistep({ order: 3, stochastic: true, sde3Sign, ...full });
      const exact = dpmSolverMultistep({ order: 3, stochastic: true, exactThirdOrder: true, ...full });
      return distance(await runOver(solver, regular(n)), await runOver(exact, regular(2 * n)));
    };
    expect(await error('corrected', 200)).toBeLessThan(0.3 * (await error('corrected', 100)));
    expect(await error('upstream', 200)).toBeGreaterThan(0.4 * (await error('upstream', 100)));
  });
});
