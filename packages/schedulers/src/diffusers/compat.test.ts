import { describe, expect, test } from 'vitest';

import type { FloatArray } from '../arrays/float-array.ts';
import { integrate } from '../solvers/integrate.ts';
import { upstreamCompat } from './compat.ts';
import { fromDiffusersConfig } from './from-diffusers.ts';
import { classNames, defaultsOf, type Settings } from './scheduler-classes.ts';

const flow = { use_flow_sigmas: true, prediction_type: 'flow_prediction' };
const named = (name: string, config: Partial<Settings> & Record<string, unknown> = {}) => ({
  _class_name: name,
  ...config,
});
const flowEuler = (config: Partial<Settings> = {}) =>
  fromDiffusersConfig(named('FlowMatchEulerDiscreteScheduler', config));
const multistep = (name: string, config: Partial<Settings> = {}) =>
  fromDiffusersConfig(named(name, { ...flow, ...config }));

describe('defaults do what the classes were meant to do', () => {
  const terminal = (sigmas: readonly number[]) => sigmas.at(-2);
  test('one shift, or two', () => {
    const json = named('FlowMatchEulerDiscreteScheduler', { shift: 3 });
    const once = fromDiffusersConfig(json).schedule({ steps: 10 });
    expect(terminal(once.sigmas)).toBeCloseTo(0.002994012, 9);
    const twice = fromDiffusersConfig(json, { compat: upstreamCompat }).schedule({ steps: 10 });
    expect(terminal(twice.sigmas)).toBeCloseTo(0.0089285714, 9);
    expect(flowEuler().schedule({ steps: 10, shift: 3 }).sigmas).toEqual(once.sigmas);
  });

  test('a stretch of one step has its limit', () => {
    const { sigmas, timesteps } = flowEuler({ shift_terminal: 0.1 }).schedule({ steps: 1 });
    expect([sigmas, timesteps]).toEqual([[1, 0], [1000]]);
  });

  test('timesteps that are not cut, and a last sigma that is the data', () => {
    for (const name of ['DEISMultistepScheduler', 'SASolverScheduler']) {
      const { sigmas, timesteps, grid } = multistep(name, { flow_shift: 3 }).schedule({ steps: 8 });
      expect(timesteps[1]).toBeCloseTo(954.19812608, 6);
      expect(sigmas.at(-1)).toBe(0);
      expect(grid.sigmas).toEqual(sigmas);
      const held = fromDiffusersConfig(named(name, { ...flow, flow_shift: 3 }), { compat: upstreamCompat });
      const upstream = held.schedule({ steps: 8 });
      expect(upstream.timesteps[1]).toBe(954);
      expect(upstream.sigmas.at(-1)).toBe(upstream.sigmas.at(-2));
      expect(upstream.grid.sigmas).toHaveLength(8);
    }
  });

  test('a run of nothing but a repeated last sigma stands still', async () => {
    for (const name of ['DEISMultistepScheduler', 'SASolverScheduler']) {
      const held = fromDiffusersConfig(named(name, { ...flow, flow_shift: 3 }), { compat: upstreamCompat });
      for (const options of [{ steps: 1 }, { steps: 8, beginIndex: 7 }]) {
        const { sigmas, grid, solver, conditioning } = held.schedule(options);
        expect(sigmas.at(-1)).toBe(sigmas.at(-2));
        const seen: number[] = [];
        const velocity = (x: FloatArray, sigma: number) => {
          seen.push(sigma);
          return x.map((value) => value + 1);
        };
        const { sample } = await integrate(solver, { ...grid, sample: Float64Array.of(0.3, -2), velocity });
        expect([...sample]).toEqual([0.3, -2]);
        expect(seen).toEqual([sigmas.at(-1)]);
        expect(conditioning({ step: 0 }).sigma).toBe(sigmas.at(-1));
      }
    }
  });

  test('custom timesteps are shifted as the sigmas are, or not, by version', () => {
    const json = named('FlowMatchEulerDiscreteScheduler', { shift: 3 });
    const given = { timesteps: [1000, 750, 500, 250] };
    const { sigmas, timesteps } = fromDiffusersConfig(json).schedule(given);
    expect(timesteps).toEqual(sigmas.slice(0, -1).map((sigma) => 1000 * sigma));
    const old = fromDiffusersConfig(json, { compat: { customTimesteps: 'v0.39' } }).schedule(given);
    expect(old.timesteps).toEqual(given.timesteps);
    expect(old.sigmas).toEqual(sigmas);
  });

  test('a spacing of a multistep class is mapped to the flow, where upstream runs to sigma 157', () => {
    for (const key of ['use_karras_sigmas', 'use_exponential_sigmas', 'use_beta_sigmas'] as const) {
      for (const name of classNames.filter((className) => Object.hasOwn(defaultsOf(className), 'use_flow_sigmas'))) {
        const { sigmas } = multistep(name, { [key]: true }).schedule({ steps: 6 });
        expect(sigmas[0]).toBeCloseTo(157.40725 / 158.40725, 6);
        expect(sigmas[5]).toBeCloseTo(0.0100005 / 1.0100005, 8);
      }
    }
  });

  test('SCM of more than two steps needs no extra argument', () => {
    const { timesteps } = fromDiffusersConfig(named('SCMScheduler')).schedule({ steps: 4 });
    expect(timesteps).toEqual([1.5708, 1.1781, 0.7854, 0.3927, 0].map((angle) => expect.closeTo(angle, 12)));
  });

  test('a closing 0 that was given costs a call, and says so', async () => {
    const { sigmas, grid, solver, warnings } = flowEuler({ shift: 3 }).schedule({ sigmas: [1, 0.5, 0] });
    expect(sigmas).toEqual([1, 0.75, 0, 0]);
    expect(grid.sigmas).toEqual([1, 0.75, 0]);
    expect(warnings).toMatchObject([{ key: 'sigmas' }]);
    const sample = Float64Array.of(1);
    expect(await integrate(solver, { ...grid, sample, velocity: (x) => x })).toMatchObject({ evaluations: 3 });
  });
});
