import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { buildPackages } from '../build/build-packages.ts';
import { packPackages, type PackedPackage } from '../build/pack-packages.ts';
import { isBuilt, workspaceRoot } from '../workspace/packages.ts';
import { runProcess } from '../workspace/run-process.ts';
import { workspaceFaults } from './dependency-direction.ts';

/** One check of the repository: undefined if all is well, or what is wrong, in words for the reader. */
export interface CheckStep {
  readonly name: string;
  readonly run: () => Promise<string | undefined>;
}

/** A command of a devDependency, run by this Node: a path below node_modules and arguments. */
async function nodeFault([path = '', ...args]: readonly string[]): Promise<string | undefined> {
  const { exitCode, stdout, stderr } = await runProcess([process.execPath, join('node_modules', path), ...args]);
  return exitCode === 0 ? undefined : `${stdout}${stderr}`.trim() || `exit code ${exitCode}`;
}

function command(name: string, words: readonly string[]): CheckStep {
  return { name, run: () => nodeFault(words) };
}

/** Packs everything into a folder that is gone afterwards, and gathers the faults of the tarballs. */
async function faultsOfTarballs(
  faultOf: (packed: PackedPackage) => Promise<string | undefined>,
): Promise<string | undefined> {
  const folder = await mkdtemp(join(tmpdir(), 'latte-packed-'));
  try {
    const faults: string[] = [];
    for (const packed of await packPackages(folder)) {
      const fault = await faultOf(packed);
      if (fault !== undefined) faults.push(`${packed.manifest.name}\n${fault}`);
    }
    return faults.length === 0 ? undefined : faults.join('\n');
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** `changeset status` compares with `main`, which a detached or shallow checkout may lack. */
async function changesetOptions(): Promise<readonly string[]> {
  const isKnown = async (ref: string) =>
    (await runProcess(['git', 'rev-parse', '--verify', '--quiet', ref])).exitCode === 0;
  if (await isKnown('main')) return [];
  return ['--since', (await isKnown('origin/main')) ? 'origin/main' : 'HEAD'];
}

export const checkSteps: readonly CheckStep[] = [
  command('lint', ['oxlint/bin/oxlint']),
  command('format', ['oxfmt/bin/oxfmt', '--check']),
  command('types', ['typescript7/lib/tsc.js', '-p', workspaceRoot]),
  {
    name: 'dependency direction',
    run: async () => (await workspaceFaults()).join('\n') || undefined,
  },
  {
    name: 'build',
    run: async () => {
      await buildPackages();
      return undefined;
    },
  },
  {
    name: 'publint',
    run: () => faultsOfTarballs(({ tarball }) => nodeFault(['publint/src/cli.js', '--strict', tarball])),
  },
  {
    name: 'attw',
    run: () =>
      faultsOfTarballs(async (packed) => {
        // A package that tsup does not build has files, not types.
        if (!isBuilt(packed)) return undefined;
        const attw = '@arethetypeswrong/cli/dist/index.js';
        return nodeFault([attw, '--profile', 'esm-only', '--no-definitely-typed', '--no-color', packed.tarball]);
      }),
  },
  command('size-limit', ['size-limit/bin.js']),
  {
    name: 'changeset status',
    run: async () => nodeFault(['@changesets/cli/bin.js', 'status', ...(await changesetOptions())]),
  },
];
