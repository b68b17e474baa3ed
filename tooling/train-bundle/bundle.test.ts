import { execFile } from 'node:child_process';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

import { expect, test } from 'vitest';

import { writeTinyTraining } from '../../test/models/tiny-training.ts';
import { bundleLatte } from './bundle.ts';

test('two files train where there are no packages', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'latte-bundle-'));
  try {
    const tiny = await writeTinyTraining(folder);
    const config = await tiny.write('flow', { ...tiny.configs.flow, steps: 2, workers: 1 });
    await bundleLatte(join(folder, 'bundle'));
    expect((await readdir(join(folder, 'bundle'))).sort()).toEqual(['batch-worker.mjs', 'latte.mjs']);
    const latte = (...args: string[]) =>
      promisify(execFile)(process.execPath, ['bundle/latte.mjs', ...args], { cwd: folder, env: {} });
    const { stdout } = await latte('train', config, '--device', 'cpu', '--json');
    expect(JSON.parse(stdout)).toMatchObject({ steps: 2, device: 'cpu', loss: expect.any(Number) });
    // Measures too, and knows what it was made from.
    const bench = await latte('bench', 'ops', '--shapes', 'tiny', '--ops', 'add', '--device', 'cpu', '--json');
    expect(JSON.parse(bench.stdout).versions.commit).toMatch(/^[0-9a-f]{40}(-dirty)?$/);
    // The model that ships with the packages is not there.
    await expect(latte('generate', 'a cat', '--device', 'cpu')).rejects.toMatchObject({
      code: 1,
      stderr: expect.stringContaining('name another model with --model'),
    });
  } finally {
    await rm(folder, { recursive: true });
  }
});
