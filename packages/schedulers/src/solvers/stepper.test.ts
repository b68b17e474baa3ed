import { LatteFlowError } from '@latte-flow/core';
import { describe, expect, test } from 'vitest';

import { euler } from './euler.ts';
import { type FloatArray } from '../arrays/float-array.ts';
import { floatArrays } from './float-arrays.ts';
import { heun } from './heun.ts';
import { integrate } from './integrate.ts';
import { solverByName, solverNames } from './registry.ts';
import type { Combination, Solver } from './solver.ts';
import { stepperOf } from './stepper.ts';

const uniform = (steps: number) => Array.from({ length: steps + 1 }, (_, i) => i / steps);
/** dx/dt = -x + sin(4 t): smooth, with a known solution. */
const velocity = (x: FloatArray, t: number) => x.map((value) => Math.sin(4 * t) - value);
const exact = (x0: number) => (x0 + 4 / 17) * Math.exp(-1) + (Math.sin(4) - 4 * Math.cos(4)) / 17;

/** Adams-Bashforth of order 2 on any grid: what a multistep solver looks like. */
const adamsBashforth2: Solver = {
  name: 'adams-bashforth-2',
  order: 2,
  stochastic: false,
  plan({ grid, index, start, end }) {
    const h = end - start;
    const r = index === 0 ? 0 : h / (2 * (start - grid.nodes[index - 1]!));
    const past: Combination = index === 0 ? {} : { previous: -h * r };
    return [
      { kind: 'evaluate', node: start, sample: { sample: 1 }, into: 'velocity' },
      {
        kind: 'store',
        slots: { sample: { sample: 1, velocity: h * (1 + r), ...past }, previous: { velocity: 1 } },
      },
    ];
  },
};

const errorAt = async (solver: Solver, steps: number) => {
  const start = [-1, 0.4, 2];
  const { sample } = await integrate(solver, { times: uniform(steps), sample: new Float64Array(start), velocity });
  return Math.max(...start.map((x0, i) => Math.abs(sample[i]! - exact(x0))));
};

describe('convergence', () => {
  test.each([
    { solver: euler(), order: 1 },
    { solver: heun(), order: 2 },
    { solver: heun({ eulerAtFinal: true }), order: 2 },
    { solver: adamsBashforth2, order: 2 },
  ])('$solver.name has order $order', async ({ solver, order }) => {
    expect(solver.order).toBe(order);
    const observed = Math.log2((await errorAt(solver, 1024)) / (await errorAt(solver, 2048)));
    expect(Math.abs(observed - order)).toBeLessThan(0.05);
  });

  test('a grid run backwards leads to the start, with the error of the order', async () => {
    const sample = new Float64Array([0.3, -1.2]);
    const forward = await integrate(heun(), { times: uniform(200), sample, velocity });
    const back = await integrate(heun(), { times: uniform(200).toReversed(), sample: forward.sample, velocity });
    sample.forEach((value, i) => expect(Math.abs(back.sample[i]! - value)).toBeLessThan(1e-4));
  });

  test('sigmas with dx/dsigma do what times with dx/dt do', async () => {
    const sample = new Float64Array([0.3, -1.2]);
    const forward = await integrate(heun(), { times: uniform(8), sample, velocity });
    const mirrored = await integrate(heun(), {
      sigmas: uniform(8).toReversed(),
      sample,
      velocity: (x, sigma) => velocity(x, 1 - sigma).map((value) => -value),
    });
    mirrored.sample.forEach((value, i) => expect(value).toBeCloseTo(forward.sample[i]!, 14));
  });
});

describe('state', () => {
  test.each([euler(), heun(), adamsBashforth2])('$name: advancing a state twice gives the same', (solver) => {
    const stepper = stepperOf(solver, { arithmetic: floatArrays });
    let state = stepper.begin({ times: uniform(3), sample: new Float32Array([1, 2]) });
    while (state.request !== undefined) {
      const before = structuredClone(state);
      const answer = velocity(state.request.sample, state.request.node);
      const next = stepper.advance(state, answer);
      expect(stepper.advance(state, answer)).toEqual(next);
      expect(state).toEqual(before);
      expect(stepper.advance(before, answer)).toEqual(next);
      state = next;
    }
    expect(state.step).toBe(3);
    expect(Object.keys(state.slots)).toEqual(['sample']);
  });

  test('an output buffer that the model reuses does no harm', async () => {
    const buffer = new Float32Array(2);
    const reusing = (x: FloatArray, t: number) => {
      buffer.set(velocity(x, t));
      return buffer;
    };
    const sample = new Float32Array([1, -1]);
    const reused = await integrate(heun(), { times: uniform(4), sample, velocity: reusing });
    expect(reused.sample).toEqual((await integrate(heun(), { times: uniform(4), sample, velocity })).sample);
    expect([...sample]).toEqual([1, -1]);
    expect(reused.sample).toBeInstanceOf(Float32Array);
  });

  test('says which step and stage asks, at the nodes of the grid exactly', async () => {
    const asked: (readonly number[])[] = [];
    const { evaluations } = await integrate(heun({ eulerAtFinal: true }), {
      times: [0, 0.1, 0.7, 1],
      sample: new Float64Array(1),
      velocity(x, node, { step, stage }) {
        asked.push([step, stage, node]);
        return x;
      },
    });
    expect(asked).toEqual([
      [0, 0, 0],
      [0, 1, 0.1],
      [1, 0, 0.1],
      [1, 1, 0.7],
      [2, 0, 0.7],
    ]);
    expect(evaluations).toBe(5);
  });

  test('reports every finished step', async () => {
    const seen: unknown[] = [];
    const sample = new Float64Array(1);
    await integrate(heun(), { times: uniform(2), sample, velocity, onProgress: (progress) => seen.push(progress) });
    expect(seen).toEqual([
      { stage: 'sample', step: 1, steps: 2 },
      { stage: 'sample', step: 2, steps: 2 },
    ]);
  });

  test('stops on abort with the reason of the signal', async () => {
    const controller = new AbortController();
    let calls = 0;
    const run = integrate(euler(), {
      times: uniform(10),
      sample: new Float64Array(1),
      signal: controller.signal,
      async velocity(x) {
        if (++calls === 3) controller.abort();
        return x;
      },
    });
    await expect(run).rejects.toMatchObject({ name: 'AbortError' });
    expect(calls).toBe(3);
  });
});

describe('bad input', () => {
  const sample = new Float64Array(2);
  const start = { sample, velocity };
  test.each([
    ['no grid', {}, /expected either times, sigmas or angles, got none/],
    ['two grids', { times: [0, 1], sigmas: [1, 0] }, /got times and sigmas/],
    ['one node', { times: [0] }, /at least two numbers/],
    ['NaN', { times: [0, Number.NaN, 1] }, /times\[1\] to be a finite number/],
    ['outside', { sigmas: [1, 0.5, -0.1] }, /sigmas\[2\] to be in \[0, 1\]/],
    ['a repeated node', { sigmas: [1, 0.5, 0.5, 0] }, /sigmas\[2\] to continue strictly/],
    ['a turn', { times: [0, 0.5, 0.4] }, /times\[2\] to continue strictly in one direction, got 0.4 after 0.5/],
  ])('refuses %s before any evaluation', async (_, grid, message) => {
    const never = () => {
      throw new Error('evaluated');
    };
    const run = integrate(euler(), { ...start, ...grid, velocity: never });
    await expect(run).rejects.toThrow(message);
    await expect(run).rejects.toBeInstanceOf(LatteFlowError);
  });

  test('refuses a velocity of another length or kind, and a sample that is a plain array', async () => {
    const shorter = integrate(euler(), { ...start, times: [0, 1], velocity: () => new Float64Array(1) });
    await expect(shorter).rejects.toMatchObject({ code: 'shape-mismatch', data: { length: 1, expected: 2 } });
    const list = integrate(euler(), { ...start, times: [0, 1], velocity: () => [0, 0] as never });
    await expect(list).rejects.toThrow(/the velocity to be a Float32Array or a Float64Array/);
    await expect(integrate(euler(), { ...start, times: [0, 1], sample: [0] as never })).rejects.toThrow(/sample to be/);
  });

  test("refuses another solver's state, and a finished one", () => {
    const stepper = stepperOf(euler(), { arithmetic: floatArrays });
    const foreign = stepperOf(heun(), { arithmetic: floatArrays }).begin({ times: [0, 1], sample });
    expect(() => stepper.advance(foreign, sample)).toThrow(
      /a state of the solver euler .*got a state of the solver heun/,
    );
    const done = stepper.advance(stepper.begin({ times: [0, 1], sample }), sample);
    expect(() => stepper.advance(done, sample)).toThrow(/a finished state/);
  });

  test('refuses a stochastic solver without noise, and a plan that loses the sample', async () => {
    const stochastic: Solver = { ...euler(), stochastic: true };
    await expect(integrate(stochastic, { ...start, times: [0, 1] })).rejects.toThrow(/noise for the stochastic solver/);
    const broken: Solver = { ...euler(), plan: () => [{ kind: 'store', slots: { other: { sample: 1 } } }] };
    await expect(integrate(broken, { ...start, times: [0, 1] })).rejects.toThrow(/every store to name the slot sample/);
  });

  test('knows its solvers by name and lists them to who asks for another', () => {
    for (const name of solverNames()) expect(solverByName(name).name).toBe(name);
    expect(() => solverByName('rk5')).toThrow(/solverByName: expected name to be one of euler, heun, .*got "rk5"/);
  });
});
