import { describe, expect, test } from 'vitest';

import { fromDiffusersConfig } from './from-diffusers.ts';
import type { ScheduleOptions } from './schedule.ts';
import { classNames, defaultsOf, type Settings } from './scheduler-classes.ts';
import { toDiffusersConfig } from './to-diffusers.ts';

const flow = { use_flow_sigmas: true, prediction_type: 'flow_prediction' };
const named = (name: string, config: Partial<Settings> & Record<string, unknown> = {}) => ({
  _class_name: name,
  ...config,
});
const flowEuler = (config: Partial<Settings> = {}) =>
  fromDiffusersConfig(named('FlowMatchEulerDiscreteScheduler', config));
const multistep = (name: string, config: Partial<Settings> = {}) =>
  fromDiffusersConfig(named(name, { ...flow, ...config }));
const upwards = [1, 0.75, 0.5, 0.25];

describe('configs', () => {
  test.each([
    [{}, /expected _class_name to be one of FlowMatchEulerDiscreteScheduler, .*got undefined/],
    [named('DDIMScheduler'), /got "DDIMScheduler"/],
    [named('FlowMatchEulerDiscreteScheduler', { shift: '3' as unknown as number }), /shift to be a number, got "3"/],
    [named('FlowMatchEulerDiscreteScheduler', { time_shift_type: 'log' as 'linear' }), /time_shift_type to be one of/],
    [
      named('FlowMatchEulerDiscreteScheduler', { use_karras_sigmas: true, use_beta_sigmas: true }),
      /expected at most one spacing, got use_karras_sigmas and use_beta_sigmas/,
    ],
    [named('FlowMatchLCMScheduler', { scale_factors: [0.5, 1] }), /scale_factors null, got \[0.5,1\]/],
    [
      named('DPMSolverMultistepScheduler'),
      /with use_flow_sigmas true, got false. Set it to true if the model is a flow/,
    ],
    [named('UniPCMultistepScheduler', { use_flow_sigmas: true }), /prediction_type flow_prediction, got "epsilon"/],
    [named('DPMSolverMultistepScheduler', { ...flow, algorithm_type: 'dpmsolver' }), /algorithm_type to be one of/],
    [named('DPMSolverMultistepScheduler', { ...flow, use_lu_lambdas: true }), /use_lu_lambdas false, got true/],
    [named('UniPCMultistepScheduler', { ...flow, predict_x0: false }), /predict_x0 true/],
    [named('SASolverScheduler', { ...flow, thresholding: true }), /thresholding false, got true. Set it to false/],
    [
      named('UniPCMultistepScheduler', { ...flow, disable_corrector: true as never }),
      /disable_corrector to be a list, got true/,
    ],
    [named('FlowMatchEulerDiscreteScheduler', { shift_terminal: 1 }), /terminal to be a finite number in/],
    [named('SCMScheduler', { prediction_type: 'epsilon' }), /prediction_type to be one of trigflow/],
  ])('%j is refused', (json, message) => {
    expect(() => fromDiffusersConfig(json).schedule({ steps: 2 })).toThrow(message);
  });

  test('a text in place of an object, an unknown flag, a value that no flag has', () => {
    expect(() => fromDiffusersConfig('{}' as never)).toThrow(/the object of a scheduler_config.json/);
    const json = named('FlowMatchEulerDiscreteScheduler');
    expect(() => fromDiffusersConfig(json, { compat: { doubleshift: true } as never })).toThrow(
      /the compat flag to be one/,
    );
    expect(() => fromDiffusersConfig(json, { compat: { unipcGrid: 'v1' } as never })).toThrow(
      /compat.unipcGrid to be one of v0.36, v0.37, got "v1"/,
    );
  });

  test('unknown, ineffective and adopted keys are data', () => {
    const flux = { shift: 3, use_dynamic_shifting: true, base_shift: 0.5, max_shift: 1.15 };
    const { warnings } = fromDiffusersConfig(
      named('FlowMatchEulerDiscreteScheduler', { ...flux, _diffusers_version: '0.36', fixed_step_sampler_config: 1 }),
    );
    expect(warnings.map(({ kind, key }) => `${kind} ${key}`)).toEqual([
      'unknown fixed_step_sampler_config',
      'ineffective shift',
    ]);
    const adopted = multistep('UniPCMultistepScheduler', { solver_type: 'heun', beta_end: 0.012, steps_offset: 1 });
    expect(adopted.warnings.map(({ kind, key }) => `${kind} ${key}`)).toEqual([
      'changed solver_type',
      'ineffective steps_offset',
      'ineffective beta_end',
    ]);
    expect(adopted.config['solver_type']).toBe('bh2');
    expect(multistep('DPMSolverMultistepScheduler', { solver_type: 'bh2' }).config['solver_type']).toBe('midpoint');
    expect(flowEuler({ shift_terminal: 0 }).warnings).toMatchObject([{ kind: 'ineffective', key: 'shift_terminal' }]);
    expect(flowEuler({ shift: 3 }).warnings).toEqual([]);
  });

  test('toDiffusersConfig writes every key, and none that the class does not have', () => {
    const config = toDiffusersConfig({ className: 'FlowMatchEulerDiscreteScheduler', config: { shift: 3 } });
    expect(config).toMatchObject({ _class_name: 'FlowMatchEulerDiscreteScheduler', shift: 3, base_shift: 0.5 });
    expect(() => toDiffusersConfig({ className: 'SCMScheduler', config: { shift: 3 } })).toThrow(
      /keys of SCMScheduler, got shift/,
    );
    for (const className of classNames) {
      const whole = Object.hasOwn(defaultsOf(className), 'use_flow_sigmas') ? flow : {};
      const written = toDiffusersConfig({ className, config: whole });
      expect(toDiffusersConfig(fromDiffusersConfig(JSON.parse(JSON.stringify(written))))).toEqual(written);
    }
  });
});

describe('schedules that are refused', () => {
  const dynamic = { use_dynamic_shifting: true };
  test.each<[string, ReturnType<typeof fromDiffusersConfig>, ScheduleOptions, RegExp]>([
    ['no steps', flowEuler(), {}, /expected steps to be an integer >= 1, got undefined/],
    ['N = 0', flowEuler(), { steps: 0 }, /expected steps to be an integer >= 1, got 0/],
    ['N = -1', flowEuler(), { steps: -1 }, /steps/],
    ['mu missing', flowEuler(dynamic), { steps: 4 }, /expected mu to be a finite number, got undefined/],
    ['mu missing', multistep('UniPCMultistepScheduler', dynamic), { steps: 4 }, /mu/],
    ['mu missing', multistep('DPMSolverMultistepScheduler', dynamic), { steps: 4 }, /mu/],
    [
      'mu in vain',
      flowEuler(),
      { steps: 4, mu: 1 },
      /no mu for this FlowMatchEulerDiscreteScheduler, got 1. Leave it out/,
    ],
    ['mu in vain', multistep('DPMSolverMultistepScheduler'), { steps: 4, mu: 1 }, /no mu/],
    ['lists unlike steps', flowEuler(), { steps: 3, sigmas: upwards }, /lists of 3 numbers, one a step, got one of 4/],
    [
      'lists unlike each other',
      fromDiffusersConfig(named('FlowMatchEulerDiscreteScheduler'), { compat: { customTimesteps: 'v0.40' } }),
      { sigmas: upwards, timesteps: [1000] },
      /lists of 4 numbers, one a step, got one of 1/,
    ],
    [
      'sigmas and timesteps',
      flowEuler(),
      { sigmas: upwards, timesteps: upwards },
      /either sigmas or timesteps, got both/,
    ],
    ['not finite', flowEuler(), { sigmas: [1, Number.NaN, 0.5] }, /sigmas\[1\] to be a finite number/],
    ['not monotone', flowEuler(), { sigmas: [1, 0.5, 0.7] }, /sigmas\[2\] to continue strictly in one direction/],
    ['outside [0, 1]', flowEuler(), { sigmas: [1.5, 0.5] }, /sigmas\[0\] to be in \[0, 1\]/],
    ['rising', flowEuler(), { sigmas: [0.2, 0.5] }, /to (descend|continue)/],
    [
      'a log of 0',
      flowEuler({ use_exponential_sigmas: true }),
      { sigmas: [1, 0.5, 0] },
      /min to be a finite number > 0, got 0/,
    ],
    ['shift 0', flowEuler({ shift: 0 }), { steps: 4 }, /expected shift to be a finite number > 0, got 0/],
    ['one train step', flowEuler({ num_train_timesteps: 1 }), { steps: 4 }, /sigmas\[1\]/],
    [
      'strength and index',
      flowEuler(),
      { steps: 4, strength: 0.5, beginIndex: 1 },
      /either strength or beginIndex, got both/,
    ],
    [
      'an index behind the end',
      flowEuler(),
      { steps: 4, beginIndex: 4 },
      /beginIndex \/ 1 to be an integer in \[0, 3\], got 4/,
    ],
    [
      'no strength',
      flowEuler(),
      { steps: 4, strength: 0 },
      /the step at which strength begins to be an integer in \[0, 3\]/,
    ],
    [
      'the second stage',
      fromDiffusersConfig(named('FlowMatchHeunDiscreteScheduler')),
      { steps: 4, beginIndex: 3 },
      /beginIndex \/ 2/,
    ],
    ['churn of Euler', flowEuler(), { steps: 4, churn: { amount: 1 } }, /no churn for this/],
    [
      'timesteps',
      multistep('DPMSolverMultistepScheduler'),
      { timesteps: [999, 500] },
      /no timesteps for this DPMSolver/,
    ],
    ['sigmas', multistep('DEISMultistepScheduler'), { sigmas: upwards }, /no sigmas for this DEIS/],
    [
      'between more than two',
      fromDiffusersConfig(named('SCMScheduler')),
      { steps: 4, intermediateAngle: 1.3 },
      /no intermediateAngle/,
    ],
    [
      'an angle',
      fromDiffusersConfig(named('SCMScheduler')),
      { steps: 4, maxAngle: 2 },
      /angles\[0\] to be in \[0, 1.5709\]/,
    ],
    ['no steps', fromDiffusersConfig(named('LTXEulerAncestralRFScheduler')), {}, /steps/],
    ['one point', fromDiffusersConfig(named('MiniMaxH3Scheduler')), { steps: 1 }, /steps to be an integer >= 2, got 1/],
    [
      'shift 0',
      fromDiffusersConfig(named('MiniMaxH3Scheduler', { shift: 0 })),
      { steps: 4 },
      /shift to be a finite number > 0/,
    ],
    [
      'a Karras grid of given sigmas',
      multistep('UniPCMultistepScheduler', { use_karras_sigmas: true }),
      { sigmas: upwards },
      /no sigmas/,
    ],
  ])('%s', (_, scheduler, options, message) => {
    expect(() => scheduler.schedule(options)).toThrow(message);
  });

  test('an evaluation that the schedule does not have', () => {
    const { conditioning } = flowEuler().schedule({ steps: 3, beginIndex: 1 });
    expect(conditioning({ step: 1 })).toEqual({ sigma: 0.001, timestep: 1 });
    for (const step of [2, -2, 0.5])
      expect(() => conditioning({ step })).toThrow(/conditioning: expected the model call/);
  });
});
