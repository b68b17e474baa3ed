import { bootBackend } from '@latte-flow/runtime';
import { beforeAll, describe, expect, test } from 'vitest';

import { webgpuMissing, webgpuTest } from '../../../../tooling/test/webgpu.ts';
import { cases } from './cases.ts';
import { measure } from './measure.ts';

/** The largest scaled error a float32 op may have against its float64 definition: five to ten times what is measured. */
const VALUE_LIMIT = 2e-6;
const GRADIENT_LIMIT = 1e-5;

const devices = [
  { device: 'cpu', runTest: test, present: true },
  { device: 'wasm', runTest: test, present: true },
  { device: 'webgpu', runTest: webgpuTest, present: webgpuMissing === undefined },
] as const;

describe.each(devices)('$device', ({ device, runTest, present }) => {
  beforeAll(async () => {
    if (present) await bootBackend({ device });
  });

  for (const conformance of cases) {
    runTest(`${conformance.op}: ${conformance.name}`, async () => {
      const { value, gradient, leaked } = await measure(conformance);
      expect(value, 'scaled error of the value').toBeLessThanOrEqual(VALUE_LIMIT);
      if (gradient !== undefined) expect(gradient, 'scaled error of the gradient').toBeLessThanOrEqual(GRADIENT_LIMIT);
      expect(leaked, 'tensors left behind').toBe(0);
    });
  }
});
