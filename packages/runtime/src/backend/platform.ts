import type { Device } from './device.ts';

/** What one environment (Node, a browser) knows about making TensorFlow.js backends available. */
export interface Platform {
  /** Makes every op differentiable; idempotent. Runs before any backend is loaded. */
  registerGradients(): Promise<void>;
  /** Why the device can't be had here and what would change that, or undefined if it can be tried. */
  obstacle(device: Device): Promise<Obstacle | undefined>;
}

export interface Obstacle {
  readonly reason: string;
  readonly remedy: string;
  readonly code: 'backend-unavailable' | 'dependency-missing';
  readonly cause?: unknown;
}

/** A one-line account of the adapter, e.g. `nvidia hopper`. */
export function describeAdapter(adapter: GPUAdapter): string {
  const { vendor, architecture, device, description } = adapter.info;
  return [vendor, architecture, description || device].filter((part) => part !== '').join(' ') || 'unnamed adapter';
}

/** True for adapters that render on the CPU: right, but slower than the WASM backend. */
export function isSoftwareAdapter(adapter: GPUAdapter): boolean {
  return adapter.info.isFallbackAdapter || /swiftshader|llvmpipe|lavapipe|softpipe/i.test(describeAdapter(adapter));
}

/**
 * Dispatches between two submissions of TensorFlow.js' WebGPU backend, in the place of its 15. A submission keeps the host for 100 us
 * on a graphics card: a training step of 286 dispatches takes 45 ms of host time instead of 53 (one H200).
 */
export const DISPATCHES_A_SUBMISSION = 64;
