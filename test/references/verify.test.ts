import { join } from 'node:path';

import { describe, expect, test } from 'vitest';

import { discoverFixtures } from '../../apps/cli/src/verify/discover.ts';
import { committed, expectPass, nameOf, withModel } from './expect-pass.ts';

/** More fixtures, all of which must pass. */
const MORE = process.env['LATTE_FIXTURES'];
const MORE_FOLDERS = ['latte_flow', 'vlm_to_stream', 'vlm/qwen2vl', 'vlm/dcae'];

test('the committed fixtures are of the kinds that can be checked', () => {
  const kinds = new Set(committed.map(({ kind }) => kind));
  expect([...kinds]).toEqual(expect.arrayContaining(['latte_flow', 'qwen2_vl', 'AutoencoderDC', 'trajectory']));
});

describe.each([
  ['cpu', committed],
  ['wasm', withModel],
] as const)('%s', (device, fixtures) => {
  for (const fixture of fixtures) test(nameOf(fixture), () => expectPass(fixture, device));
});

describe.runIf(MORE !== undefined)('wasm, LATTE_FIXTURES', async () => {
  if (MORE === undefined) return;
  for (const folder of MORE_FOLDERS) {
    const fixtures = await discoverFixtures([join(MORE, folder)]);
    test(`${folder} has fixtures`, () => expect(fixtures.length).toBeGreaterThan(0));
    for (const fixture of fixtures) test(fixture.path.slice(MORE.length + 1), () => expectPass(fixture, 'wasm'));
  }
});
