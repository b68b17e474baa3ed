import { normalNoise, seededStepNoise, uniformNoise } from '@latte-flow/core';
import { expect, test } from 'vitest';

import { integrate } from '../solvers/integrate.ts';
import { upstreamCompat } from './compat.ts';
import { fromDiffusersConfig } from './from-diffusers.ts';
import type { ScheduleOptions } from './schedule.ts';
import { classNames, defaultsOf, type Settings } from './scheduler-classes.ts';

const flow = { use_flow_sigmas: true, prediction_type: 'flow_prediction' };
const named = (name: string, config: Partial<Settings> & Record<string, unknown> = {}) => ({
  _class_name: name,
  ...config,
});

/** Configs of every class, at seeds. */
function randomRun(seed: number) {
  const draws = uniformNoise(16, { seed });
  const pick = <T>(i: number, values: readonly T[]): T => values[Math.floor(draws[i]! * values.length)]!;
  const className = pick(0, classNames);
  const defaults = defaultsOf(className);
  const candidates: Partial<Settings> = {
    shift: 10 ** (2 * draws[1]! - 1),
    flow_shift: 10 ** (2 * draws[1]! - 1),
    use_dynamic_shifting: draws[2]! < 0.4,
    time_shift_type: pick(3, ['exponential', 'linear']),
    shift_terminal: pick(4, [null, 0.02, 0.1]),
    invert_sigmas: draws[5]! < 0.3,
    use_karras_sigmas: draws[6]! < 0.2,
    use_beta_sigmas: draws[6]! > 0.8,
    solver_order: pick(7, [1, 2, 3]),
    solver_type: className === 'UniPCMultistepScheduler' ? pick(8, ['bh1', 'bh2']) : pick(8, ['midpoint', 'heun']),
    algorithm_type: className.startsWith('DPM') ? pick(9, ['dpmsolver++', 'sde-dpmsolver++']) : defaults.algorithm_type,
    lower_order_final: draws[10]! < 0.5,
    final_sigmas_type: pick(11, ['zero', 'sigma_min']),
    predictor_order: pick(12, [1, 2, 3]),
    corrector_order: pick(13, [1, 2, 3]),
    ...flow,
  };
  const mine = Object.fromEntries(
    Object.entries(candidates).filter(
      ([key]) => Object.hasOwn(defaults, key) && (key !== 'prediction_type' || className !== 'SCMScheduler'),
    ),
  );
  const json = named(className, mine);
  const spaced = mine['use_karras_sigmas'] === true || mine['use_beta_sigmas'] === true;
  const multi = Object.hasOwn(defaults, 'use_flow_sigmas');
  const mu = mine['use_dynamic_shifting'] === true && !(multi && spaced) ? 0.2 + 2 * draws[14]! : undefined;
  return { className, json, steps: 2 + Math.floor(18 * draws[15]!), mu };
}

test('whatever the config, the run is finite from noise to its end, and a strength is a begin', async () => {
  const met = new Set<string>();
  for (let seed = 0; seed < 120; seed++) {
    const { className, json, steps, mu } = randomRun(seed);
    met.add(className);
    for (const compat of [{}, upstreamCompat]) {
      const label = JSON.stringify({ json, steps, mu, compat });
      const scheduler = fromDiffusersConfig(json, { compat });
      const { grid, sigmas, timesteps } = scheduler.schedule({ steps, mu });
      const nodes = Object.values(grid)[0]!;
      expect(Object.keys(grid), label).toEqual([
        { velocity: 'sigmas', 'data-ward velocity': 'times', trigflow: 'angles' }[scheduler.prediction],
      ]);
      expect([...sigmas, ...timesteps].every(Number.isFinite), label).toBe(true);
      const run = async (options: ScheduleOptions) => {
        const part = scheduler.schedule({ steps, mu, ...options });
        return integrate(part.solver, {
          ...part.grid,
          sample: Float64Array.from(normalNoise(4, { seed })),
          noise: seededStepNoise({ seed }),
          velocity: (x) => x.map((value) => Math.tanh(value)),
        });
      };
      const { sample, evaluations } = await run({});
      expect(sample.every(Number.isFinite), label).toBe(true);
      const count = nodes.length - 1 + Number(sigmas.at(-1) === sigmas.at(-2));
      const begin = Math.floor(count / 2);
      const stages = className === 'FlowMatchHeunDiscreteScheduler' ? 2 : 1;
      expect(evaluations, label).toBe(stages * count - (stages - 1));
      if (begin === 0 || begin === nodes.length - 1) continue;
      const half = await run({ beginIndex: begin * stages });
      expect(await run({ strength: (count - begin) / count }), label).toEqual(half);
    }
  }
  expect(met.size).toBe(classNames.length);
});

test('static shift k = dynamic shift, mu k or ln k, for every step of every solver that has both', () => {
  for (const name of ['FlowMatchEulerDiscreteScheduler', 'FlowMatchLCMScheduler', 'UniPCMultistepScheduler']) {
    const multi = name.startsWith('UniPC') ? flow : {};
    const fixed = fromDiffusersConfig(named(name, { ...multi, shift: 4, flow_shift: 4 })).schedule({ steps: 9 });
    for (const [type, mu] of [
      ['linear', 4],
      ['exponential', Math.log(4)],
    ] as const) {
      const json = named(name, { ...multi, use_dynamic_shifting: true, time_shift_type: type });
      const { sigmas } = fromDiffusersConfig(json).schedule({ steps: 9, mu });
      expect(sigmas).toEqual(fixed.sigmas.map((sigma) => expect.closeTo(sigma, 13)));
    }
  }
});
