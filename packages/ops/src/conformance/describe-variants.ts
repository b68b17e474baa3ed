import { bootBackend } from '@latte-flow/runtime';
import { beforeAll, describe, expect, test } from 'vitest';

import { webgpuMissing } from '../../../../tooling/test/webgpu.ts';
import type { ConformanceCase } from './case.ts';
import { measure } from './measure.ts';
import { casesOf, hasKernels, missingFeatures, variants, type Variant } from './variants.ts';

/** Why a variant cannot run here, or undefined. */
async function obstacleOf(variant: Variant): Promise<string | undefined> {
  if (variant.device !== 'webgpu') return undefined;
  if (webgpuMissing !== undefined) return webgpuMissing;
  await bootBackend({ device: 'webgpu' });
  const missing = missingFeatures(variant);
  return missing.length === 0 ? undefined : `the device offers no ${missing.join(', ')}`;
}

/**
 * Tests of every case on every variant that this machine has; the others are reported as skipped, with the reason.
 *
 * @param large of several tiles and workgroups, for variants that have kernels
 */
export async function describeVariants(
  cases: readonly ConformanceCase[],
  large: readonly ConformanceCase[] = [],
): Promise<void> {
  for (const variant of variants) {
    const obstacle = await obstacleOf(variant);
    describe(variant.name, () => {
      if (obstacle !== undefined) {
        test.skip(`every op [skipped: ${obstacle}]`, () => {});
        return;
      }
      beforeAll(async () => {
        await bootBackend({ device: variant.device });
      });
      for (const conformance of [...casesOf(cases, variant), ...(hasKernels(variant) ? large : [])]) {
        test(`${conformance.op}: ${conformance.name}`, async () => {
          const { value, gradient, leaked } = await measure(conformance, variant);
          expect(value, 'scaled error of the value').toBeLessThanOrEqual(variant.limits.value);
          if (gradient !== undefined) {
            expect(gradient, 'scaled error of the gradient').toBeLessThanOrEqual(variant.limits.gradient);
          }
          expect(leaked, 'tensors left behind').toBe(0);
        });
      }
    });
  }
}
