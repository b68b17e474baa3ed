import { test } from 'vitest';

import { bootBackend } from '@latte-flow/runtime';
import { LatteFlowError } from '@latte-flow/core';

/** Set to 1 (as CI does) to make a machine without WebGPU fail the tests that need it, instead of skipping them. */
export const REQUIRE_WEBGPU = 'LATTE_REQUIRE_WEBGPU';

async function webgpuProblem(): Promise<string | undefined> {
  try {
    await bootBackend({ device: 'webgpu' });
    return undefined;
  } catch (error) {
    if (LatteFlowError.isInstance(error) && error.isEnvironmental) return error.message;
    throw error;
  }
}

const problem = await webgpuProblem();

/** Why there is no WebGPU here, or undefined. Set only where it may be missing. */
export const webgpuMissing = problem !== undefined && process.env[REQUIRE_WEBGPU] !== '1' ? problem : undefined;

/** A test that needs WebGPU: reported as skipped, with the reason in its name, where there is none. */
export function webgpuTest(name: string, body: () => Promise<void>): void {
  if (webgpuMissing === undefined) test(name, body);
  else test.skip(`${name} [skipped: ${webgpuMissing}]`, body);
}
