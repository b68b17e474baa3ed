import { join } from 'node:path';

import { readManifest, readPackages, type WorkspacePackage } from '../workspace/packages.ts';
import { runProcess } from '../workspace/run-process.ts';

export interface PackedPackage extends WorkspacePackage {
  readonly tarball: string;
}

/** Packs every package that gets published, as it would be published, into `folder`. They have to be built. */
export async function packPackages(folder: string): Promise<readonly PackedPackage[]> {
  const published = (await readPackages()).filter(({ manifest }) => manifest.private !== true);
  const { packageManager = 'pnpm' } = await readManifest('.');
  const filters = published.map(({ manifest }) => `--filter=${manifest.name}`);
  // pnpm, because npm leaves `workspace:` in the packed manifest.
  const pack = ['npx', '--yes', packageManager, '--recursive', ...filters, 'pack', '--pack-destination', folder];
  const { exitCode, stdout, stderr } = await runProcess(pack);
  if (exitCode !== 0) throw new Error(`pnpm pack failed:\n${stdout}${stderr}`);
  return published.map((entry) => {
    const { name, version } = entry.manifest;
    return { ...entry, tarball: join(folder, `${name.replace('@', '').replace('/', '-')}-${version}.tgz`) };
  });
}
