import { readdir, readFile } from 'node:fs/promises';
import { basename, join, posix, relative, sep } from 'node:path';

import {
  declaredDependencies,
  isPublished,
  readPackages,
  workspaceRoot,
  type WorkspacePackage,
} from '../workspace/packages.ts';
import { BACKEND_OWNER, dependencyTable, reachable, thirdPartyAllowed, webgpuOwners } from './dependency-table.ts';
import { sourceReferences } from './source-references.ts';

const SCOPE = '@latte-flow/';
const TFJS_CORE = '@tensorflow/tfjs-core';

const isLibrary = ({ folder }: WorkspacePackage): boolean => folder.startsWith('packages/');

function isForeignTensorflow(name: string, library: string): boolean {
  return name.startsWith('@tensorflow/') && name !== TFJS_CORE && library !== BACKEND_OWNER;
}

/** What a package's manifest declares against the table; one line a fault. */
export function manifestFaults(entry: WorkspacePackage): readonly string[] {
  if (!isLibrary(entry)) return [];
  const library = basename(entry.folder);
  if (dependencyTable[library] === undefined) return [`${entry.folder}: not in tooling/checks/dependency-table.ts`];
  const allowed = reachable(library);
  const thirdParty = thirdPartyAllowed[library];
  const faults = declaredDependencies(entry).flatMap((name) => {
    if (name.startsWith(SCOPE)) {
      return allowed.has(name.slice(SCOPE.length))
        ? []
        : [`${library} must not depend on ${name}: arrows point up only`];
    }
    if (isForeignTensorflow(name, library)) return [`only ${BACKEND_OWNER} may depend on ${name}, not ${library}`];
    if (thirdParty !== undefined && !thirdParty.includes(name)) return [`${library} must not depend on ${name}`];
    return [];
  });
  const bundled = Object.keys(entry.manifest.dependencies ?? {}).filter((name) => name.startsWith('@tensorflow/'));
  return [...faults, ...bundled.map((name) => `${library}: ${name} must be a peer dependency`)].map(
    (fault) => `${entry.folder}/package.json: ${fault}`,
  );
}

/** `@scope/name/deep/path.js` -> `@scope/name`. */
function packageOf(specifier: string): string {
  return specifier
    .split('/')
    .slice(0, specifier.startsWith('@') ? 2 : 1)
    .join('/');
}

export interface SourceFile {
  /** Relative to the package, e.g. `src/tfjs/index.ts`. */
  readonly path: string;
  readonly text: string;
}

function importFault(entry: WorkspacePackage, path: string, specifier: string): string | undefined {
  const isFree = !isPublished(entry, path);
  if (specifier.startsWith('.')) {
    if (!/\.(ts|json)$/.test(specifier)) return `'${specifier}' needs its .ts ending`;
    if (isFree) return undefined;
    const target = posix.join(posix.dirname(path), specifier);
    // npm packs the manifest whatever `files` says.
    if (target === 'package.json') return undefined;
    if (!target.startsWith('src/')) return `'${specifier}' leaves the package's source`;
    return isPublished(entry, target) ? undefined : `'${specifier}' is not published`;
  }
  if (specifier.startsWith('node:') || isFree) return undefined;
  const name = packageOf(specifier);
  if (name === entry.manifest.name) return `'${specifier}' is this package: import the file instead`;
  if (!declaredDependencies(entry).includes(name)) return `'${name}' is not in the manifest's dependencies`;
  if (!isLibrary(entry)) return undefined;
  const library = basename(entry.folder);
  if (isForeignTensorflow(name, library)) return `only ${BACKEND_OWNER} may import '${name}'`;
  if (library === 'schedulers' && name === TFJS_CORE && !path.startsWith('src/tfjs/')) {
    return `'${name}' is for src/tfjs only: the core runs without TensorFlow.js`;
  }
  return undefined;
}

/**
 * What a source file refers to against its package's manifest and the table; one line a fault. What is not published
 * imports freely.
 */
export function sourceFaults(entry: WorkspacePackage, { path, text }: SourceFile): readonly string[] {
  const { imports, webgpuNames } = sourceReferences(path, text);
  const faults = imports.flatMap((specifier) => importFault(entry, path, specifier) ?? []);
  const mayNameWebgpu = !isLibrary(entry) || webgpuOwners.includes(basename(entry.folder)) || !isPublished(entry, path);
  if (!mayNameWebgpu) {
    faults.push(...webgpuNames.map((name) => `${name}: WebGPU appears in ${webgpuOwners.join(' and ')} only`));
  }
  return faults.map((fault) => `${entry.folder}/${path}: ${fault}`);
}

async function sourceFiles(folder: string): Promise<readonly SourceFile[]> {
  const root = join(workspaceRoot, folder);
  const entries = await readdir(join(root, 'src'), { recursive: true, withFileTypes: true }).catch(() => []);
  const files = entries.filter((entry) => entry.isFile() && entry.name.endsWith('.ts'));
  return Promise.all(
    files.map(async ({ parentPath, name }) => {
      const path = join(parentPath, name);
      return { path: relative(root, path).split(sep).join('/'), text: await readFile(path, 'utf8') };
    }),
  );
}

/** Every fault of the workspace's manifests and sources. */
export async function workspaceFaults(): Promise<readonly string[]> {
  const faults: string[] = [];
  for (const entry of await readPackages()) {
    faults.push(...manifestFaults(entry));
    for (const file of await sourceFiles(entry.folder)) faults.push(...sourceFaults(entry, file));
  }
  return faults;
}
