import type { DtypeRules } from '@latte-flow/checkpoint';
import type { Device } from '@latte-flow/runtime';

import { discoverFixtures, type Fixture } from './discover.ts';
import { fixtureKinds } from './kinds/index.ts';
import { FixtureReport, type CheckLine } from './report.ts';

export interface VerifyOptions {
  /** The backend that is running. */
  readonly device: Device;
  /** What the models' weights are kept as, float32 or float16. Default: as the fixture has them. */
  readonly dtype?: DtypeRules;
  readonly signal?: AbortSignal;
  /** Called for every quantity as soon as it is known. */
  readonly onLine: (line: CheckLine) => void;
}

/** Checks one fixture, quantity by quantity, on the current backend. Throws on abort only. */
export async function verifyFixture(fixture: Fixture, { device, dtype, signal, onLine }: VerifyOptions): Promise<void> {
  const { path, kind, problem } = fixture;
  const report = new FixtureReport({ fixture: path, kind, device, dtype, signal, onLine });
  const check = fixtureKinds.get(kind);
  if (problem !== undefined) report.fail('*', problem);
  else if (check === undefined) report.unsupported('*', `no check for fixtures of kind ${kind} yet`);
  else {
    await report.section('*', () => check(fixture, report));
    if (report.lines === 0) report.fail('*', 'the fixture holds nothing to check');
  }
}

/** Checks every fixture below the folders. Returns the number of fixtures. */
export async function verifyFolders(folders: readonly string[], options: VerifyOptions): Promise<number> {
  const fixtures = await discoverFixtures(folders);
  for (const fixture of fixtures) await verifyFixture(fixture, options);
  return fixtures.length;
}
