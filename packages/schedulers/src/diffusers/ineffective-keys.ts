import { defaultsOf, hiddenKeysOf, type Settings } from './scheduler-classes.ts';
import type { CompleteConfig, DiffusersWarning } from './scheduler-config.ts';
import { spacingOf } from './spacing-of.ts';

type Rule = readonly [applies: boolean, reason: string, keys: readonly (keyof Settings)[]];

/** When which keys change nothing. */
function rulesOf(settings: Settings): readonly Rule[] {
  const spaced = spacingOf(settings) !== undefined;
  const dynamic = settings.use_dynamic_shifting;
  const multistep = settings.use_flow_sigmas;
  const vpEndsUnused = spaced
    ? settings.sigma_min !== null && settings.sigma_max !== null
    : settings.final_sigmas_type !== 'sigma_min' || settings.predict_x0;
  return [
    [
      multistep,
      'with flow sigmas',
      [
        'rescale_betas_zero_snr',
        'dynamic_thresholding_ratio',
        'sample_max_value',
        'lambda_min_clipped',
        'variance_type',
        'timestep_spacing',
        'steps_offset',
      ],
    ],
    [vpEndsUnused, 'with flow sigmas', ['beta_start', 'beta_end', 'beta_schedule', 'trained_betas']],
    [dynamic, 'with dynamic shifting', ['shift', 'flow_shift']],
    [
      !dynamic,
      'without dynamic shifting',
      ['base_shift', 'max_shift', 'base_image_seq_len', 'max_image_seq_len', 'time_shift_type'],
    ],
    [multistep && spaced, 'with a spacing', ['flow_shift', 'shift_terminal', 'use_dynamic_shifting']],
    [!spaced, 'without a spacing', ['sigma_min', 'sigma_max']],
    [!settings.shift_terminal, 'at 0', ['shift_terminal']],
    [!settings.scale_factors, 'without scale_factors', ['upscale_mode']],
  ];
}

/** Warnings for keys that were set to something else than their default although nothing reads them. */
export function ineffectiveKeys({ className, settings }: CompleteConfig): readonly DiffusersWarning[] {
  const defaults: Partial<Settings> = { ...hiddenKeysOf(className), ...defaultsOf(className) };
  const changed = (key: keyof Settings) =>
    Object.hasOwn(defaults, key) && JSON.stringify(settings[key]) !== JSON.stringify(defaults[key]);
  return rulesOf(settings).flatMap(([applies, reason, keys]) =>
    (applies ? keys.filter(changed) : []).map((key): DiffusersWarning => ({
      kind: 'ineffective',
      key,
      message: `${key} has no effect ${reason}.`,
    })),
  );
}
