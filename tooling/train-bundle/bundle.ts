import { join } from 'node:path';

import { build } from 'esbuild';

import { workspaceRoot } from '../workspace/packages.ts';

/** CommonJS packages in the bundle call `require` for Node's own modules, which an ES module does not have. */
const REQUIRE =
  "import { createRequire as requireOfBundle } from 'node:module'; const require = requireOfBundle(import.meta.url);";

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
    banner: { js: REQUIRE },
    logLevel: 'error',
  });
}
