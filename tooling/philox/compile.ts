/**
 * Compiles packages/core/src/philox.wat to the module that `core` carries as text.
 *
 * node --conditions=@latte-flow/source tooling/philox/compile.ts
 */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import openWabt from 'wabt';

import { workspaceRoot } from '../workspace/packages.ts';

const source = join(workspaceRoot, 'packages/core/src/philox.wat');
export const compiledFile = join(workspaceRoot, 'packages/core/src/philox-wasm.ts');

/** What `philox-wasm.ts` has to hold for the `philox.wat` that is there. */
export async function compiledText(): Promise<string> {
  const wabt = await openWabt();
  const module = wabt.parseWat('philox.wat', await readFile(source, 'utf8'));
  try {
    const base64 = Buffer.from(module.toBinary({}).buffer).toString('base64');
    return `// Written by tooling/philox/compile.ts from philox.wat.\nexport const PHILOX_WASM =\n  '${base64}';\n`;
  } finally {
    module.destroy();
  }
}

if (import.meta.main) await writeFile(compiledFile, await compiledText());
