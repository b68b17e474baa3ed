import {
  betaSigmas,
  calculateShift,
  exponentialSigmas,
  flux2Shift,
  karrasSigmas,
  linearQuadraticSigmas,
  shiftSigmas,
  shiftSigmasByMu,
  startOfStrength,
  stretchToTerminal,
} from '@latte-flow/schedulers';
import { betaDensity } from '@latte-flow/schedulers/training';

import { list } from '../compare.ts';
import type { Fixture, Json } from '../discover.ts';
import { float64Bound, numberOf, numbersOf, objectOf, objectsOf } from '../fixture-numbers.ts';
import type { FixtureReport } from '../report.ts';

/** Fields that say something about the fixture. */
const ABOUT = new Set(['kind', 'source', 'precision', 'notes', 'tolerance', 'name', 't', 'identity']);

type Answer = number | readonly number[];

interface Helper {
  /** The field of a case that holds the answer. */
  readonly field: string;
  readonly answer: (entry: Json) => Answer;
}

const optional = (entry: Json, name: string): number | undefined =>
  (entry[name] ?? undefined) === undefined ? undefined : numberOf(entry, name);

const endsOf = (entry: Json) => ({ max: numberOf(entry, 'sigma_max'), min: numberOf(entry, 'sigma_min') });

const shapeOf = (entry: Json) => ({ alpha: numberOf(entry, 'alpha'), beta: numberOf(entry, 'beta') });

/** What computes the answers of a list of cases, by the list's name. */
const helpers: Readonly<Record<string, Helper>> = {
  calculate_shift: {
    field: 'mu',
    answer: (entry) =>
      calculateShift(numberOf(entry, 'image_seq_len'), {
        baseLength: optional(entry, 'base_seq_len'),
        maxLength: optional(entry, 'max_seq_len'),
        baseShift: optional(entry, 'base_shift'),
        maxShift: optional(entry, 'max_shift'),
      }),
  },
  compute_empirical_mu: {
    field: 'mu',
    answer: (entry) => flux2Shift(numberOf(entry, 'image_seq_len'), numberOf(entry, 'num_steps')),
  },
  linear_quadratic_schedule: {
    field: 'sigmas',
    answer: (entry) =>
      linearQuadraticSigmas(numberOf(entry, 'num_steps'), {
        threshold: optional(entry, 'threshold_noise'),
        linearSteps: optional(entry, 'linear_steps'),
      }),
  },
  karras: {
    field: 'sigmas',
    answer: (entry) => karrasSigmas(numberOf(entry, 'n'), { rho: optional(entry, 'rho'), ...endsOf(entry) }),
  },
  exponential: { field: 'sigmas', answer: (entry) => exponentialSigmas(numberOf(entry, 'n'), endsOf(entry)) },
  beta: {
    field: 'sigmas',
    answer: (entry) => betaSigmas(numberOf(entry, 'n'), { ...shapeOf(entry), ...endsOf(entry) }),
  },
  beta_ppf: {
    field: 'x',
    answer: (entry) => numbersOf(entry['p'], 'p').map((p) => betaDensity(shapeOf(entry)).inverseCdf(p)),
  },
  stretch_to_terminal: {
    field: 'out',
    answer: (entry) => stretchToTerminal(numbersOf(entry['in'], 'in'), numberOf(entry, 'terminal')),
  },
  strength_to_t_start: {
    field: 't_start',
    answer: (entry) => startOfStrength(numberOf(entry, 'num_inference_steps'), numberOf(entry, 'strength')),
  },
};

/** The same for the lists of `time_shift`, whose cases share their sigmas. */
const timeShifts: Readonly<Record<string, (sigmas: readonly number[], entry: Json) => Answer>> = {
  exponential: (sigmas, entry) => shiftSigmasByMu(sigmas, { mu: numberOf(entry, 'mu'), type: 'exponential' }),
  linear: (sigmas, entry) => shiftSigmasByMu(sigmas, { mu: numberOf(entry, 'mu'), type: 'linear' }),
  static: (sigmas, entry) => shiftSigmas(sigmas, numberOf(entry, 'shift')),
};

/** The functions from which the schedules of flow models are made. */
export async function checkScheduleHelpers({ content }: Fixture, report: FixtureReport): Promise<void> {
  const bound = float64Bound(content);
  async function check(label: string, cases: unknown, helper: Helper | undefined): Promise<void> {
    const entries = objectsOf(cases);
    if (helper === undefined || entries.length === 0) {
      report.unsupported(label, 'this quantity is not known');
      return;
    }
    for (const [i, entry] of entries.entries()) {
      await report.compare(`${label}[${i}].${helper.field}`, bound, () => [
        list([helper.answer(entry)].flat()),
        list(numbersOf(entry[helper.field], helper.field)),
      ]);
    }
  }
  const { time_shift: timeShift, ...lists } = content;
  for (const [name, cases] of Object.entries(lists)) {
    if (!ABOUT.has(name)) await check(name, cases, helpers[name]);
  }
  const { t, ...shifts } = objectOf(timeShift);
  for (const [name, cases] of Object.entries(shifts)) {
    if (ABOUT.has(name)) continue;
    const shift = timeShifts[name];
    const answer = (entry: Json) => shift!(numbersOf(t, 't'), entry);
    await check(`time_shift.${name}`, cases, shift && { field: 'out', answer });
  }
}
