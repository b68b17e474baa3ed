import { join } from 'node:path';
import { parseArgs } from 'node:util';

import { LatteFlowError } from '@latte-flow/core';
import { bootBackend } from '@latte-flow/runtime';

import { workspaceRoot } from '../workspace/packages.ts';
import { assembleCheckpoint } from './assemble-checkpoint.ts';

const { values } = parseArgs({
  options: {
    flow: { type: 'string', default: join(workspaceRoot, 'out/flow/checkpoint') },
    vlm: { type: 'string', default: join(workspaceRoot, 'out/vlm/checkpoint') },
    out: { type: 'string', default: join(workspaceRoot, 'packages/emoji/checkpoint') },
  },
});

try {
  await bootBackend({ device: 'cpu' });
  await assembleCheckpoint(values.out, values);
  process.stdout.write(`${values.out}\n`);
} catch (error) {
  if (!LatteFlowError.isInstance(error)) throw error;
  process.stderr.write(`${error.message}\n`);
  process.exitCode = error.isEnvironmental ? 1 : 2;
}
