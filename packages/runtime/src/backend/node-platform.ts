import { createRequire } from 'node:module';

import type { Obstacle, Platform } from './platform.ts';

interface Dawn {
  create(flags: string[]): GPU;
  readonly globals: Record<string, unknown>;
}

/**
 * Dawn's `GPU` object must stay reachable for as long as anything runs: once it is collected, the next call crashes
 * the process. A global outlives every bundle and module copy.
 */
const KEEP_ALIVE = Symbol.for('@latte-flow/dawn');
const kept = globalThis as { [KEEP_ALIVE]?: GPU };

/** `LATTE_DAWN` names a `dawn.node` file for machines where the npm package `webgpu` is not installed. */
async function loadDawn(): Promise<Dawn> {
  const path = process.env['LATTE_DAWN'];
  if (path !== undefined) return createRequire(import.meta.url)(path) as Dawn;
  return (await import('webgpu')) as unknown as Dawn;
}

/** f16 on NVIDIA's Vulkan driver, and the features that are experimental still: subgroup matrices, the tensor cores. */
const DEFAULT_FLAGS = 'enable-dawn-features=vulkan_enable_f16_on_nvidia,allow_unsafe_apis';

/** `LATTE_DAWN_FLAGS`: Dawn's own flags in the place of ours, separated by spaces; may be empty. */
function dawnFlags(): string[] {
  return (process.env['LATTE_DAWN_FLAGS'] ?? DEFAULT_FLAGS).split(' ').filter((flag) => flag !== '');
}

async function webgpuObstacle(): Promise<Obstacle | undefined> {
  if (kept[KEEP_ALIVE] === undefined) {
    let dawn: Dawn;
    try {
      dawn = await loadDawn();
    } catch (cause) {
      return {
        code: 'dependency-missing',
        reason: "no WebGPU in Node: the package 'webgpu' could not be loaded",
        remedy: 'Install the npm package webgpu, or choose device wasm or cpu.',
        cause,
      };
    }
    Object.assign(globalThis, dawn.globals);
    kept[KEEP_ALIVE] = dawn.create(dawnFlags());
    Object.defineProperty(globalThis.navigator, 'gpu', { value: kept[KEEP_ALIVE], configurable: true });
  }
  const adapter = await navigator.gpu.requestAdapter({ powerPreference: 'high-performance' });
  if (adapter !== null) return undefined;
  return {
    code: 'backend-unavailable',
    reason: 'no WebGPU adapter',
    remedy: 'Install a Vulkan (Linux), Metal (macOS) or Direct3D 12 (Windows) driver, or choose device wasm or cpu.',
  };
}

/** Node: every op and gradient from `@tensorflow/tfjs`, WebGPU from Dawn. */
export const nodePlatform: Platform = {
  async registerGradients() {
    await import('@tensorflow/tfjs');
  },
  async obstacle(device) {
    return device === 'webgpu' ? webgpuObstacle() : undefined;
  },
};
