import type { Fixture } from '../discover.ts';
import type { FixtureReport } from '../report.ts';
import { checkSitPaths } from './sit-paths.ts';
import { checkSitSde } from './sit-sde.ts';

const ABOUT = new Set(['kind', 'source', 'convention', 'precision', 'notes', 'tolerance', 't', 'plans', 'sde']);

/** SiT: its paths and conversions (`plans`), and runs of its SDE (`sde`). */
export async function checkSit(fixture: Fixture, report: FixtureReport): Promise<void> {
  await checkSitPaths(fixture, report);
  await checkSitSde(fixture, report);
  for (const name of Object.keys(fixture.content).filter((field) => !ABOUT.has(field))) {
    report.unsupported(name, 'this quantity is not known');
  }
}
