import type { Fixture } from '../discover.ts';
import type { FixtureReport } from '../report.ts';
import { checkSitPaths } from './sit-paths.ts';

const ABOUT = new Set(['kind', 'source', 'convention', 'precision', 'notes', 'tolerance', 't', 'plans']);

/** SiT: its paths and conversions (`plans`). */
export async function checkSit(fixture: Fixture, report: FixtureReport): Promise<void> {
  await checkSitPaths(fixture, report);
  for (const name of Object.keys(fixture.content).filter((field) => !ABOUT.has(field))) {
    report.unsupported(name, 'this quantity is not known');
  }
}
