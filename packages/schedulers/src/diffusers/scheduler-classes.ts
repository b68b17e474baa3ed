import type { TimeShift } from '../sigmas/shift.ts';

/** Every key that some class reads, in diffusers' words. A class has those of its defaults. */
export interface Settings {
  readonly num_train_timesteps: number;
  readonly shift: number;
  readonly use_dynamic_shifting: boolean;
  readonly base_shift: number;
  readonly max_shift: number;
  readonly base_image_seq_len: number;
  readonly max_image_seq_len: number;
  readonly invert_sigmas: boolean;
  readonly shift_terminal: number | null;
  readonly use_karras_sigmas: boolean;
  readonly use_exponential_sigmas: boolean;
  readonly use_beta_sigmas: boolean;
  readonly time_shift_type: TimeShift;
  readonly stochastic_sampling: boolean;
  readonly scale_factors: unknown;
  readonly upscale_mode: string;
  readonly sigma_min: number | null;
  readonly sigma_max: number | null;
  readonly eta: number;
  readonly s_noise: number;
  readonly sigma_data: number;
  readonly prediction_type: string;
  readonly beta_start: number;
  readonly beta_end: number;
  readonly beta_schedule: string;
  readonly trained_betas: readonly number[] | null;
  readonly rescale_betas_zero_snr: boolean;
  readonly thresholding: boolean;
  readonly dynamic_thresholding_ratio: number;
  readonly sample_max_value: number;
  readonly lambda_min_clipped: unknown;
  readonly variance_type: unknown;
  readonly timestep_spacing: string;
  readonly steps_offset: number;
  readonly solver_order: number;
  readonly predictor_order: number;
  readonly corrector_order: number;
  readonly algorithm_type: string;
  readonly solver_type: string;
  readonly lower_order_final: boolean;
  readonly euler_at_final: boolean;
  readonly use_lu_lambdas: boolean;
  readonly use_flow_sigmas: boolean;
  readonly flow_shift: number;
  readonly final_sigmas_type: string;
  readonly predict_x0: boolean;
  readonly disable_corrector: readonly number[];
  readonly solver_p: unknown;
  readonly tau_func: unknown;
}

const trained = { num_train_timesteps: 1000 };

const spacings = { use_karras_sigmas: false, use_exponential_sigmas: false, use_beta_sigmas: false };

const dynamic = { use_dynamic_shifting: false, time_shift_type: 'exponential' } as const;

const flowMatch = {
  ...trained,
  ...spacings,
  ...dynamic,
  shift: 1,
  base_shift: 0.5,
  max_shift: 1.15,
  base_image_seq_len: 256,
  max_image_seq_len: 4096,
  invert_sigmas: false,
  shift_terminal: null,
};

const ends = { sigma_min: null, sigma_max: null };

const multistep = {
  ...trained,
  ...spacings,
  beta_start: 0.0001,
  beta_end: 0.02,
  beta_schedule: 'linear',
  trained_betas: null,
  prediction_type: 'epsilon',
  thresholding: false,
  dynamic_thresholding_ratio: 0.995,
  sample_max_value: 1,
  lower_order_final: true,
  use_flow_sigmas: false,
  flow_shift: 1,
};

const spacedTimesteps = { timestep_spacing: 'linspace', steps_offset: 0 };

const clipped = { lambda_min_clipped: '-Infinity', variance_type: null };

const dpm = {
  ...multistep,
  ...clipped,
  ...dynamic,
  solver_order: 2,
  algorithm_type: 'dpmsolver++',
  solver_type: 'midpoint',
  final_sigmas_type: 'zero',
};

/** The keys of each class with their defaults, as diffusers 0.40 has them. */
const classes = {
  FlowMatchEulerDiscreteScheduler: { ...flowMatch, stochastic_sampling: false },
  FlowMatchHeunDiscreteScheduler: { ...trained, shift: 1 },
  FlowMatchLCMScheduler: { ...flowMatch, scale_factors: null, upscale_mode: 'bicubic' },
  LTXEulerAncestralRFScheduler: { ...trained, eta: 1, s_noise: 1 },
  FlowMapEulerDiscreteScheduler: { ...trained, shift: 1 },
  MiniMaxH3Scheduler: { shift: 12 },
  SCMScheduler: { ...trained, prediction_type: 'trigflow', sigma_data: 0.5 },
  DPMSolverMultistepScheduler: {
    ...dpm,
    ...spacedTimesteps,
    euler_at_final: false,
    use_lu_lambdas: false,
    rescale_betas_zero_snr: false,
  },
  DPMSolverSinglestepScheduler: { ...dpm, lower_order_final: false },
  UniPCMultistepScheduler: {
    ...multistep,
    ...spacedTimesteps,
    ...dynamic,
    ...ends,
    solver_order: 2,
    predict_x0: true,
    solver_type: 'bh2',
    disable_corrector: [],
    solver_p: null,
    final_sigmas_type: 'zero',
    rescale_betas_zero_snr: false,
    shift_terminal: null,
  },
  DEISMultistepScheduler: {
    ...multistep,
    ...spacedTimesteps,
    ...dynamic,
    solver_order: 2,
    algorithm_type: 'deis',
    solver_type: 'logrho',
  },
  SASolverScheduler: {
    ...multistep,
    ...spacedTimesteps,
    ...clipped,
    predictor_order: 2,
    corrector_order: 2,
    tau_func: null,
    algorithm_type: 'data_prediction',
  },
} satisfies Record<string, Partial<Settings>>;

/** The classes of diffusers that can sample a flow model. */
export type ClassName = keyof typeof classes;

export const classNames = Object.keys(classes) as ClassName[];

export const defaultsOf = (name: ClassName): Partial<Settings> => classes[name];

/** Keys that a class reads although its constructor has none: pipelines write them into the config. */
export function hiddenKeysOf(name: ClassName): Partial<Settings> {
  if (name === 'LTXEulerAncestralRFScheduler') return { ...flowMatch, ...ends };
  return Object.hasOwn(classes[name], 'invert_sigmas') ? ends : {};
}
