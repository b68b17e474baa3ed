import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { bootBackend, type Device } from '@latte-flow/runtime';
import { memory } from '@tensorflow/tfjs-core';
import { describe, expect, test } from 'vitest';

import { discoverFixtures, type Fixture } from '../../apps/cli/src/verify/discover.ts';
import type { CheckLine } from '../../apps/cli/src/verify/report.ts';
import { verifyFixture } from '../../apps/cli/src/verify/verify.ts';
import { webgpuTest } from '../../tooling/test/webgpu.ts';

const COMMITTED = fileURLToPath(new URL('../fixtures', import.meta.url));
const MORE = process.env['LATTE_FIXTURES'];
/** What `$LATTE_FIXTURES` must hold, and all of which must pass. */
const MORE_FOLDERS = ['latte_flow', 'vlm_to_stream', 'vlm/qwen2vl'];
/** Kinds that every committed fixture of must pass; others may be unknown. */
const KNOWN = ['latte_flow', 'qwen2_vl', 'trajectory'];
/** SwiftShader takes a minute for a fixture. */
const SLOW_MS = 300_000;

/** No quantity fails, none of those that must pass is unsupported, and no tensor is left. */
async function expectPass(fixture: Fixture, device: Device): Promise<void> {
  await bootBackend({ device });
  const before = memory().numTensors;
  const lines: CheckLine[] = [];
  await verifyFixture(fixture, { device, onLine: (line) => lines.push(line) });
  expect(lines.filter(({ status }) => status === 'fail')).toEqual([]);
  const passed = lines.filter(({ status }) => status === 'pass');
  expect(passed.length > 0 || lines.every(({ status }) => status === 'unsupported')).toBe(true);
  if (fixture.kind !== 'trajectory' && KNOWN.includes(fixture.kind)) expect(passed).toEqual(lines);
  expect(memory().numTensors).toBe(before);
}

const committed = await discoverFixtures([COMMITTED]);
const tensorFixtures = committed.filter(({ kind }) => kind === 'latte_flow' || kind === 'qwen2_vl');
const nameOf = ({ path }: Fixture): string => path.slice(COMMITTED.length + 1);

test('the committed fixtures are of the kinds that can be checked', () => {
  expect([...new Set(committed.map(({ kind }) => kind))]).toEqual(expect.arrayContaining(KNOWN));
});

describe.each(['cpu', 'wasm'] as const)('%s', (device) => {
  for (const fixture of device === 'cpu' ? committed : tensorFixtures) {
    test(nameOf(fixture), () => expectPass(fixture, device));
  }
});

describe('webgpu', { timeout: SLOW_MS }, () => {
  for (const fixture of tensorFixtures) {
    webgpuTest(nameOf(fixture), () => expectPass(fixture, 'webgpu'));
  }
});

describe.runIf(MORE !== undefined)('wasm, LATTE_FIXTURES', async () => {
  for (const folder of MORE === undefined ? [] : MORE_FOLDERS) {
    const fixtures = await discoverFixtures([join(MORE!, folder)]);
    test(`${folder} has fixtures`, () => expect(fixtures.length).toBeGreaterThan(0));
    for (const fixture of fixtures) {
      test(fixture.path.slice(MORE!.length + 1), () => expectPass(fixture, 'wasm'));
    }
  }
});
