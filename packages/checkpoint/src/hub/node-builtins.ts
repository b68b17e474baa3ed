/** Node's modules without an import that a browser's bundler would have to resolve; undefined outside Node. */
export function nodeBuiltins() {
  const builtin = globalThis.process?.getBuiltinModule?.bind(globalThis.process);
  const [fs, paths] = [builtin?.('node:fs/promises'), builtin?.('node:path')];
  const [os, crypto] = [builtin?.('node:os'), builtin?.('node:crypto')];
  return fs && paths && os && crypto ? { fs, paths, os, crypto } : undefined;
}

export type NodeBuiltins = NonNullable<ReturnType<typeof nodeBuiltins>>;
