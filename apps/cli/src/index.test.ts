import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

import { expect, test } from 'vitest';

const entry = fileURLToPath(new URL('./index.ts', import.meta.url));
const tiny = fileURLToPath(new URL('../../../test/fixtures/latte_flow/tiny', import.meta.url));

function start(...args: string[]) {
  const child = spawn(process.execPath, ['--conditions=@latte-flow/source', entry, ...args], { env: process.env });
  const written = { stdout: '', stderr: '' };
  for (const name of ['stdout', 'stderr'] as const) child[name].on('data', (text) => (written[name] += text));
  return { child, written, end: once(child, 'close') };
}

test('the program keeps stdout for results, and ends with the exit code', async () => {
  const { written, end } = start('generate', '');
  expect(await end).toEqual([2, null]);
  expect(written.stdout).toBe('');
  expect(written.stderr).toContain('expected a PROMPT');
});

test('Ctrl-C stops it in order, with 130', async () => {
  const { child, written, end } = start('verify', tiny, '--device', 'cpu');
  child.stdout.once('data', () => child.kill('SIGINT'));
  expect(await end).toEqual([130, null]);
  expect(written.stderr).toBe('latte: interrupted\n');
});
