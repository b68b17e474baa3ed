import { fileURLToPath } from 'node:url';

import { bootBackend, type Device } from '@latte-flow/runtime';
import { memory } from '@tensorflow/tfjs-core';
import { expect } from 'vitest';

import { discoverFixtures, type Fixture } from '../../apps/cli/src/verify/discover.ts';
import type { CheckLine } from '../../apps/cli/src/verify/report.ts';
import { verifyFixture } from '../../apps/cli/src/verify/verify.ts';

const folder = fileURLToPath(new URL('../fixtures', import.meta.url));

/** The fixtures of this repository. */
export const committed = await discoverFixtures([folder]);

/** Kinds that run a model. */
const MODEL_KINDS = new Set(['latte_flow', 'vlm_to_stream', 'qwen2_vl', 'AutoencoderDC']);
/** The fixtures of those. */
export const withModel = committed.filter(({ kind }) => MODEL_KINDS.has(kind));

export const nameOf = ({ path }: Fixture): string => path.slice(folder.length + 1);

/**
 * No quantity fails, and no tensor is left. Kinds that are not checked yet may be unsupported, those that run a model
 * may not, not even in part.
 */
export async function expectPass(fixture: Fixture, device: Device): Promise<void> {
  await bootBackend({ device });
  const before = memory().numTensors;
  const lines: CheckLine[] = [];
  await verifyFixture(fixture, { device, onLine: (line) => lines.push(line) });
  const others = lines.filter(({ status }) => status !== 'pass');
  const runsModel = MODEL_KINDS.has(fixture.kind);
  expect(others.filter(({ status }) => runsModel || status === 'fail')).toEqual([]);
  expect(lines.length).toBeGreaterThan(0);
  expect(memory().numTensors).toBe(before);
}
