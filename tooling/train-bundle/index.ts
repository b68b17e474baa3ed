import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';

import { workspaceRoot } from '../workspace/packages.ts';
import { bundleLatte } from './bundle.ts';

const { values } = parseArgs({ options: { out: { type: 'string', default: join(workspaceRoot, '.bundle') } } });
const folder = resolve(values.out);
await bundleLatte(folder);
process.stdout.write(`${join(folder, 'latte.mjs')}\n`);
