import { fileURLToPath } from 'node:url';

import { defineConfig } from 'tsup';

/** The one way a package of this repository is built: ES modules and their declarations, from named entry files. */
export function libraryPreset(entry: Record<string, string>, extra: { readonly external?: readonly string[] } = {}) {
  return defineConfig({
    entry,
    format: ['esm'],
    target: 'es2022',
    platform: 'neutral',
    dts: true,
    sourcemap: true,
    clean: true,
    splitting: true,
    treeshake: true,
    external: [/^node:/, /^@latte-flow\//, ...(extra.external ?? [])],
    tsconfig: fileURLToPath(new URL('../typescript/declarations.json', import.meta.url)),
  });
}
