import { LatteFlowError, requireFinite, requireOneOf } from '@latte-flow/core';
import {
  affineDensity,
  betaDensity,
  cosmapDensity,
  edmSkewedDensity,
  logitNormalDensity,
  modeDensity,
  reversedDensity,
  shiftedDensity,
  uniformDensity,
  type TimeDensity,
} from '@latte-flow/schedulers/training';

/** A density of training times as plain data, which threads can be handed. */
export interface TimeDensityConfig {
  readonly name: TimeDensityName;
  /** Its own parameters, all of them. */
  readonly parameters: Readonly<Record<string, number>>;
  /** t -> shift t / (1 + (shift - 1) t), after the draw. 1 = none. */
  readonly shift: number;
}

export type TimeDensityName = keyof typeof densities;

/** A density by its parameters, whose defaults say which ones there are. */
function density<P extends Readonly<Record<string, number>>>(defaults: P, make: (parameters: P) => TimeDensity) {
  return {
    defaults,
    make: (parameters: Readonly<Record<string, number>>) => make({ ...defaults, ...parameters }),
  };
}

const densities = {
  uniform: density({}, () => uniformDensity),
  logit_normal: density({ mean: 0, std: 1 }, logitNormalDensity),
  mode: density({ scale: 1.29 }, modeDensity),
  cosmap: density({}, () => cosmapDensity),
  beta: density({ alpha: 1.5, beta: 1 }, betaDensity),
  // pi0 counts time from data to noise.
  pi0_beta: density({ alpha: 1.5, beta: 1, scale: 0.999 }, ({ scale, ...parameters }) =>
    reversedDensity(affineDensity(betaDensity(parameters), { scale, offset: 1 - scale })),
  ),
  edm_skewed: density({ mean: -1.2, std: 1.2, min: 1e-4 }, edmSkewedDensity),
};

const names = Object.keys(densities) as TimeDensityName[];

/** The names of densities and their parameters with defaults, a line each, for help. */
export const timeDensityHelp: readonly string[] = names.map((name) => {
  const parameters = Object.entries(densities[name].defaults).map(([key, value]) => `${key} (${value})`);
  return [name, ...parameters].join(' ');
});

export function timeDensityOf({ name, parameters, shift }: TimeDensityConfig): TimeDensity {
  const made = densities[name].make(parameters);
  return shift === 1 ? made : shiftedDensity(made, shift);
}

/** @throws LatteFlowError `invalid-argument` for an unknown name, a parameter that is not of that density or out of range. */
export function parseTimeDensity(
  json: Readonly<Record<string, unknown>>,
  { where, file }: { readonly where: string; readonly file: string },
): TimeDensityConfig {
  const { name: typed = 'uniform', shift: by = 1, ...given } = json;
  const name = requireOneOf(where, 'time_density.name', typed, names);
  const { defaults } = densities[name];
  const unknown = Object.keys(given).find((key) => !(key in defaults));
  if (unknown !== undefined) {
    throw new LatteFlowError('invalid-argument', {
      where,
      expected: `of time_density ${name} only the keys ${['name', 'shift', ...Object.keys(defaults)].join(', ')}`,
      got: unknown,
      remedy: `Correct ${file}.`,
    });
  }
  const number = (key: string, value: unknown) => requireFinite(where, `time_density.${key}`, value);
  const parameters = Object.fromEntries(
    Object.entries(defaults).map(([key, fallback]) => [key, number(key, given[key] ?? fallback)]),
  );
  const config = { name, parameters, shift: number('shift', by) };
  timeDensityOf(config); // refuses what is out of range before anything starts
  return config;
}
