import { readdirSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** A JSON fixture of the schedulers, from the committed selection or from `$LATTE_FIXTURES/schedulers`. */
export interface SchedulerFixture<T> {
  readonly title: string;
  readonly content: T;
}

const committed = fileURLToPath(new URL('../../test/fixtures/schedulers', import.meta.url));
const more = process.env['LATTE_FIXTURES'];
const folders = more === undefined ? [committed] : [committed, join(more, 'schedulers')];

/** Every fixture of a kind. Throws if a folder is absent or the committed one holds none of the kind. */
export function schedulerFixtures<T>(kind: string): readonly SchedulerFixture<T>[] {
  const found = folders.flatMap((folder) =>
    readdirSync(folder)
      .filter((name) => name.endsWith('.json'))
      .sort()
      .map((name) => ({
        title: `${folder === committed ? 'committed' : 'LATTE_FIXTURES'} ${basename(name, '.json')}`,
        content: JSON.parse(readFileSync(join(folder, name), 'utf8')),
      }))
      .filter(({ content }) => content.kind === kind),
  );
  if (found.length === 0) throw new Error(`no fixture of kind ${kind} in ${folders.join(', ')}`);
  return found;
}

/** The numbers of a nested array, in order. */
export function flatNumbers(nested: unknown): Float64Array {
  return Float64Array.from([nested].flat(Number.POSITIVE_INFINITY) as number[]);
}

/** max|a - b| / max(1, max|b|), the error that the fixtures' tolerances bound; NaN and lengths that differ give Infinity. */
export function relativeError(actual: ArrayLike<number>, expected: ArrayLike<number>): number {
  if (actual.length !== expected.length) return Infinity;
  let scale = 1;
  let worst = 0;
  for (let i = 0; i < expected.length; i++) {
    scale = Math.max(scale, Math.abs(expected[i]!));
    const difference = Math.abs(actual[i]! - expected[i]!);
    worst = Number.isNaN(difference) ? Infinity : Math.max(worst, difference);
  }
  return worst / scale;
}
