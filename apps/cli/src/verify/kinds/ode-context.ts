import { list } from '../compare.ts';
import type { Json } from '../discover.ts';
import type { Bound, FixtureReport } from '../report.ts';
import type { ElementwiseField, FieldRun } from './elementwise-field.ts';

/** Fields that say something about the fixture. */
const ABOUT = new Set(
  (
    'kind source notes note tolerance model equivalent_forward_time initial_sample precision grid scipy how convention ' +
    'sigma max_abs_diff_vs_scipy_DOP853 x_data c a b'
  ).split(' '),
);

/** What is common to the checks of one fixture. */
export interface OdeContext {
  readonly report: FixtureReport;
  readonly bound: Bound;
  readonly field: ElementwiseField;
  readonly initial: Float64Array;
  /** First and last sigma of the reference, and x at the last. */
  readonly start: number;
  readonly end: number;
  readonly final: readonly number[];
}

export type Checks = Readonly<Record<string, () => Promise<void>>>;

/** Runs the check of every field that has one; a field that is not known is reported as such. */
export async function checkFields(fields: Json, checks: Checks, { report, at }: { report: FixtureReport; at: string }) {
  for (const name of Object.keys(fields)) {
    const check = checks[name];
    if (check !== undefined) await report.section(`${at}${name}`, check);
    else if (!ABOUT.has(name)) report.unsupported(`${at}${name}`, 'this quantity is not known');
  }
}

/** The largest difference from the reference at its last sigma. */
export const errorOf = ({ final }: OdeContext, { sample }: Pick<FieldRun, 'sample'>): number =>
  Math.max(...final.map((value, i) => Math.abs(sample[i]! - value)));

export const flat = (samples: readonly ArrayLike<number>[]) => list(samples.flatMap((sample) => Array.from(sample)));
