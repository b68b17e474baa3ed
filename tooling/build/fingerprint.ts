import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';

import { workspaceRoot } from '../workspace/packages.ts';

/** What every build depends on, besides the package's own files. */
const SHARED = [
  'pnpm-lock.yaml',
  'tooling/tsup/preset.ts',
  'tooling/typescript/base.json',
  'tooling/typescript/declarations.json',
];

/**
 * A hash of everything that a package's build output follows from.
 * @param folder of the package, relative to the root
 * @param needed the fingerprints of the workspace packages that it imports
 */
export async function fingerprint(folder: string, needed: readonly string[]): Promise<string> {
  const entries = await readdir(join(workspaceRoot, folder, 'src'), { recursive: true, withFileTypes: true });
  const sources = entries
    .filter((entry) => entry.isFile() && !entry.name.endsWith('.test.ts'))
    .map((entry) => join(entry.parentPath, entry.name));
  const own = ['package.json', 'tsup.config.ts'].map((name) => join(workspaceRoot, folder, name));
  const shared = SHARED.map((path) => join(workspaceRoot, path));
  const hash = createHash('sha256').update(needed.join(' '));
  for (const path of [...shared, ...own, ...sources.toSorted()])
    hash.update(`\0${path}\0`).update(await readFile(path));
  return hash.digest('hex');
}
