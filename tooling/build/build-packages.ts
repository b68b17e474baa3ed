import { existsSync } from 'node:fs';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';

import {
  declaredDependencies,
  isBuilt,
  readPackages,
  workspaceRoot,
  type WorkspacePackage,
} from '../workspace/packages.ts';
import { runProcess } from '../workspace/run-process.ts';
import { eachInOrder } from './dependency-order.ts';
import { fingerprint } from './fingerprint.ts';

const TSUP = join(workspaceRoot, 'node_modules/tsup/dist/cli-default.js');
const STAMPS = join(workspaceRoot, '.cache/build');

async function build({ folder }: WorkspacePackage): Promise<void> {
  const started = performance.now();
  const cwd = join(workspaceRoot, folder);
  const { exitCode, stdout, stderr } = await runProcess([process.execPath, TSUP, '--silent'], { cwd });
  if (exitCode !== 0) throw new Error(`${folder} does not build:\n${stdout}${stderr}`);
  process.stderr.write(`${stderr}built ${folder} in ${((performance.now() - started) / 1000).toFixed(1)} s\n`);
}

/**
 * Builds what tsup builds, a package after those it needs, because declarations are checked against theirs. What has
 * not changed since its last build is left alone.
 */
export async function buildPackages(): Promise<void> {
  const packages = (await readPackages()).filter(isBuilt);
  const byName = new Map(packages.map((entry) => [entry.manifest.name, entry]));
  const needs = new Map(packages.map((entry) => [entry.manifest.name, declaredDependencies(entry)]));
  const fingerprints = new Map<string, string>();
  await mkdir(STAMPS, { recursive: true });
  const run = async (name: string): Promise<void> => {
    const entry = byName.get(name)!;
    const needed = needs.get(name)!.flatMap((other) => fingerprints.get(other) ?? []);
    const current = await fingerprint(entry.folder, needed);
    fingerprints.set(name, current);
    const stamp = join(STAMPS, basename(entry.folder));
    const last = await readFile(stamp, 'utf8').catch(() => undefined);
    if (last === current && existsSync(join(workspaceRoot, entry.folder, 'dist'))) return;
    await rm(stamp, { force: true });
    await build(entry);
    await writeFile(stamp, current);
  };
  await eachInOrder(needs, { parallel: 2, run });
}
