import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';

import { build } from 'esbuild';

import { workspaceRoot } from '../workspace/packages.ts';

/** CommonJS packages in the bundle call `require` for Node's own modules, which an ES module does not have. */
const REQUIRE =
  "import { createRequire as requireOfBundle } from 'node:module'; const require = requireOfBundle(import.meta.url);";

/** What `latte bench` names in its results, since no checkout is around a bundle. */
async function commitLine(): Promise<string> {
  const describe = ['-C', workspaceRoot, 'describe', '--always', '--dirty', '--abbrev=40', '--exclude=*'];
  const { stdout } = await promisify(execFile)('git', describe);
  return `process.env.LATTE_COMMIT ??= ${JSON.stringify(stdout.trim())};`;
}

/**
 * Writes `latte.mjs` and the `batch-worker.mjs` of its threads into a folder: the command line in two files, for
 * machines that have Node and no packages. `webgpu` and `sharp` are native and stay outside: where they are missing,
 * `LATTE_DAWN` names Dawn's `dawn.node`, and pictures cannot be read.
 */
export async function bundleLatte(folder: string): Promise<void> {
  const source = join(workspaceRoot, 'apps/cli/src');
  await build({
    entryPoints: { latte: join(source, 'index.ts'), 'batch-worker': join(source, 'train/batch-worker.ts') },
    outdir: folder,
    outExtension: { '.js': '.mjs' },
    bundle: true,
    platform: 'node',
    format: 'esm',
    target: 'node22',
    conditions: ['@latte-flow/source'],
    external: ['webgpu', 'sharp', '@huggingface/hub'],
    banner: { js: `${REQUIRE} ${await commitLine()}` },
    logLevel: 'error',
  });
}
