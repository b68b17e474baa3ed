import { LatteFlowError } from '@latte-flow/core';

import { folderStore } from '../folder-store.ts';
import { nodeHasher } from './content-hash.ts';
import { isCommit, type HubFile, type HubSnapshot } from './list-snapshot.ts';
import type { NodeBuiltins } from './node-builtins.ts';
import { NodePartials } from './node-partial.ts';
import { pause } from './request.ts';
import type { SnapshotCache } from './snapshot-cache.ts';

/** How often a process looks whether another one has finished the file. */
const POLL_MS = 200;

/** The cache folder of the Python library, by the same variables. */
export function defaultCacheDir({ os, paths }: NodeBuiltins): string {
  const { env } = globalThis.process;
  const base = env['XDG_CACHE_HOME'] || paths.join(os.homedir(), '.cache');
  const home = env['HF_HOME'] || paths.join(base, 'huggingface');
  return env['HF_HUB_CACHE'] || env['HUGGINGFACE_HUB_CACHE'] || paths.join(home, 'hub');
}

function notWritable(path: string, cause: unknown): unknown {
  const isSystem = cause instanceof Error && 'syscall' in cause;
  if (!isSystem) return cause;
  return new LatteFlowError('file-not-writable', {
    where: 'openHubStore',
    expected: `to write ${path}`,
    got: cause.message,
    remedy: 'Check that the cache folder (cacheDir, HF_HOME) can be written and the disk has room.',
    data: { file: path },
    cause,
  });
}

/**
 * The cache of one model in the layout of the Hugging Face libraries, shared with them:
 * `models--owner--name/blobs/<hash>`, `snapshots/<commit>/<path>` as links to those, and `refs/<revision>`.
 */
export function nodeCache(id: string, cacheDir: string | undefined, node: NodeBuiltins): SnapshotCache {
  const { fs, paths } = node;
  const root = paths.join(paths.resolve(cacheDir ?? defaultCacheDir(node)), `models--${id.replace('/', '--')}`);
  const blobs = paths.join(root, 'blobs');
  const partials = new NodePartials(blobs, node);
  const folderOf = (commit: string): string => paths.join(root, 'snapshots', commit);

  const hasSize = (path: string, size: number): Promise<boolean> =>
    fs.stat(path).then(
      (stat) => stat.isFile() && stat.size === size,
      () => false,
    );

  /** Puts something under its final name in one step. */
  async function place(path: string, make: (temporary: string) => Promise<unknown>): Promise<void> {
    const temporary = `${path}.${node.crypto.randomBytes(4).toString('hex')}.tmp`;
    try {
      await fs.mkdir(paths.dirname(path), { recursive: true });
      await make(temporary);
      await fs.rename(temporary, path);
    } catch (cause) {
      await fs.rm(temporary, { force: true }).catch(() => {});
      throw notWritable(path, cause);
    }
  }

  /** Where links are not allowed (Windows without the right), the snapshot gets a copy. */
  async function link(blob: string, path: string): Promise<void> {
    await place(path, async (temporary) => {
      await fs.symlink(paths.relative(paths.dirname(path), blob), temporary).catch(() => fs.copyFile(blob, temporary));
    });
  }

  async function has({ commit }: HubSnapshot, { path, hash, size }: HubFile): Promise<boolean> {
    const pointer = paths.join(folderOf(commit), path);
    if (await hasSize(pointer, size)) return true;
    const blob = paths.join(blobs, hash);
    if (!(await hasSize(blob, size))) return false;
    await link(blob, pointer);
    return true;
  }

  return {
    hasher: nodeHasher(node),
    has,
    async complete(snapshot, file, { fill, signal }) {
      const blob = paths.join(blobs, file.hash);
      while (!(await has(snapshot, file))) {
        try {
          const partial = await partials.claim(file);
          if (partial === undefined) {
            await pause(POLL_MS * (0.5 + Math.random()), signal);
            continue;
          }
          try {
            // Another process may have finished it since.
            if (!(await hasSize(blob, file.size))) {
              await fill(partial);
              await partial.finish(blob);
            }
          } finally {
            await partial.release();
          }
        } catch (cause) {
          throw notWritable(blob, cause);
        }
      }
    },
    async remember(revision, { commit }) {
      if (revision === commit) return;
      await place(paths.join(root, 'refs', revision), (temporary) => fs.writeFile(temporary, commit));
    },
    reader: ({ commit }) => folderStore(folderOf(commit)),
    async recall(revision) {
      const ref = paths.join(root, 'refs', revision);
      const commit = isCommit(revision) ? revision : (await fs.readFile(ref, 'utf8').catch(() => '')).trim();
      const found = isCommit(commit) ? await fs.readdir(folderOf(commit)).catch(() => []) : [];
      return found.length === 0 ? undefined : { commit, endpoint: '', files: [] };
    },
    folder: ({ commit }) => folderOf(commit),
  };
}
