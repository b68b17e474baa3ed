import { existsSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';

export const workspaceRoot = resolve(import.meta.dirname, '../..');

/** The fields of a package.json that this repository's tools read. */
export interface Manifest {
  readonly name: string;
  readonly version?: string;
  readonly private?: boolean;
  readonly packageManager?: string;
  readonly files?: readonly string[];
  readonly exports?: Readonly<Record<string, unknown>>;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly peerDependencies?: Readonly<Record<string, string>>;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
}

export interface WorkspacePackage {
  /** Relative to the root, e.g. `packages/core`. */
  readonly folder: string;
  readonly manifest: Manifest;
}

export async function readManifest(folder: string): Promise<Manifest> {
  return JSON.parse(await readFile(join(workspaceRoot, folder, 'package.json'), 'utf8')) as Manifest;
}

/** The packages below `packages/` and `apps/`, by folder. */
export async function readPackages(): Promise<readonly WorkspacePackage[]> {
  const found: WorkspacePackage[] = [];
  for (const parent of ['packages', 'apps']) {
    for (const name of (await readdir(join(workspaceRoot, parent))).toSorted()) {
      const folder = `${parent}/${name}`;
      if (!existsSync(join(workspaceRoot, folder, 'package.json'))) continue;
      found.push({ folder, manifest: await readManifest(folder) });
    }
  }
  return found;
}

/** What a package may import at run time. */
export function declaredDependencies({ manifest }: WorkspacePackage): readonly string[] {
  const { dependencies, peerDependencies, optionalDependencies } = manifest;
  return Object.keys({ ...dependencies, ...peerDependencies, ...optionalDependencies });
}

/** True for source that the published package holds; tests and what serves only them stay here. */
export function isPublished({ manifest }: WorkspacePackage, path: string): boolean {
  const excluded = (manifest.files ?? [])
    .filter((pattern) => pattern.startsWith('!'))
    .map((pattern) => pattern.slice(1));
  return !path.endsWith('.test.ts') && !excluded.some((folder) => path.startsWith(`${folder}/`));
}

/** True for packages that tsup builds; the others ship files as they are. */
export function isBuilt({ folder }: WorkspacePackage): boolean {
  return existsSync(join(workspaceRoot, folder, 'tsup.config.ts'));
}
