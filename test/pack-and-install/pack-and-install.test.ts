import { cp, mkdir, mkdtemp, realpath, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';

import { afterAll, beforeAll, expect, test } from 'vitest';

import { buildPackages } from '../../tooling/build/build-packages.ts';
import { packPackages, type PackedPackage } from '../../tooling/build/pack-packages.ts';
import { declaredDependencies, isBuilt, workspaceRoot } from '../../tooling/workspace/packages.ts';
import { runProcess } from '../../tooling/workspace/run-process.ts';

const MINUTES = 60_000;
const PLAIN = ['core', 'schedulers', 'expert-router', 'checkpoint'].map((name) => `@latte-flow/${name}`);

let folder: string;
let libraries: readonly PackedPackage[];

beforeAll(async () => {
  folder = await realpath(await mkdtemp(join(tmpdir(), 'latte-pack-')));
  await buildPackages();
  libraries = (await packPackages(folder)).filter((entry) => entry.folder.startsWith('packages/') && isBuilt(entry));
}, 5 * MINUTES);

afterAll(() => rm(folder, { recursive: true, force: true }));

async function emptyProject(name: string): Promise<string> {
  const project = join(folder, name);
  await mkdir(join(project, 'node_modules'), { recursive: true });
  await writeFile(join(project, 'package.json'), JSON.stringify({ name, private: true, type: 'module' }));
  return project;
}

async function runInNode(project: string, program: string): Promise<unknown> {
  const result = await runProcess([process.execPath, program], { cwd: project });
  expect(result.stderr).toBe('');
  expect(result.exitCode).toBe(0);
  return JSON.parse(result.stdout);
}

test(
  'the packages without TensorFlow.js install offline from their tarballs and work in plain Node',
  async () => {
    const project = await emptyProject('plain');
    const tarballs = libraries.filter(({ manifest }) => PLAIN.includes(manifest.name)).map(({ tarball }) => tarball);
    expect(tarballs).toHaveLength(PLAIN.length);
    const install = ['npm', 'install', '--offline', '--no-audit', '--no-fund', '--ignore-scripts', ...tarballs];
    const { exitCode, stdout, stderr } = await runProcess(install, { cwd: project });
    expect(exitCode, `${stdout}${stderr}`).toBe(0);

    await cp(join(import.meta.dirname, 'plain-program.mjs'), join(project, 'program.mjs'));
    const said = (await runInNode(project, 'program.mjs')) as Record<string, number[]>;
    for (const value of said['moved']!) expect(value).toBeCloseTo(1, 5);
    expect(said['groups']).toEqual([0, 1, 2, 3]);
    expect(said['stored']).toEqual(said['noise']);
    expect(said['refusal']).toBe('invalid-argument');
  },
  2 * MINUTES,
);

/** Puts a third-party package of this workspace where the project's packages find it. */
async function link(name: string, { from, into }: { readonly from: string; readonly into: string }): Promise<void> {
  const found = [join(workspaceRoot, from), workspaceRoot].map((root) => join(root, 'node_modules', name));
  const target = await Promise.any(found.map((path) => realpath(path)));
  const path = join(into, 'node_modules', name);
  await mkdir(dirname(path), { recursive: true });
  await symlink(target, path, 'junction').catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'EEXIST') throw error;
  });
}

test(
  'every entry of every library exports from its tarball what it exports from source',
  async () => {
    const project = await emptyProject('all');
    for (const entry of libraries) {
      const target = join(project, 'node_modules', entry.manifest.name);
      await mkdir(target, { recursive: true });
      const { exitCode, stderr } = await runProcess([
        'tar',
        '-xzf',
        entry.tarball,
        '-C',
        target,
        '--strip-components=1',
      ]);
      expect(exitCode, stderr).toBe(0);
      const thirdParty = declaredDependencies(entry).filter((name) => !name.startsWith('@latte-flow/'));
      for (const name of thirdParty) await link(name, { from: entry.folder, into: project });
    }
    const specifiers = libraries.flatMap(({ manifest }) =>
      Object.keys(manifest.exports ?? {})
        .filter((subpath) => !subpath.endsWith('.json'))
        .map((subpath) => `${manifest.name}${subpath.slice(1)}`),
    );
    await writeFile(
      join(project, 'program.mjs'),
      `const names = {};
     for (const specifier of ${JSON.stringify(specifiers)}) names[specifier] = Object.keys(await import(specifier)).sort();
     process.stdout.write(JSON.stringify(names));`,
    );
    const fromTarballs = await runInNode(project, 'program.mjs');

    const fromSource: Record<string, readonly string[]> = {};
    for (const specifier of specifiers) {
      const entry = libraries.find(({ manifest }) => `${specifier}/`.startsWith(`${manifest.name}/`))!;
      const subpath = `.${specifier.slice(entry.manifest.name.length)}`;
      const source = sourceOf(entry.manifest.exports?.[subpath]);
      fromSource[specifier] = Object.keys(await import(resolve(workspaceRoot, entry.folder, source))).toSorted();
    }
    expect(fromTarballs).toEqual(fromSource);
  },
  2 * MINUTES,
);

function sourceOf(target: unknown): string {
  const source = (target as { readonly '@latte-flow/source': string | { readonly node: string } })[
    '@latte-flow/source'
  ];
  return typeof source === 'string' ? source : source.node;
}
