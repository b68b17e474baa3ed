import { bootBackend } from '@latte-flow/runtime';
import { tensor1d } from '@tensorflow/tfjs-core';
import { expect, test } from 'vitest';

import { oneHotRows } from './index.ts';

test.each(['cpu', 'wasm'] as const)('%s: rows hold float ones', async (device) => {
  await bootBackend({ device });
  const labels = tensor1d([2, 0], 'int32');
  const rows = oneHotRows(labels, 3);
  expect([...(await rows.data())]).toEqual([0, 0, 1, 1, 0, 0]);
  labels.dispose();
  rows.dispose();
});
