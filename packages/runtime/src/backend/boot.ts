import { LatteFlowError, requireOneOf, throwIfAborted } from '@latte-flow/core';
import { enableProdMode, env, setBackend } from '@tensorflow/tfjs-core';

import { deviceOptions, devicePreference, type Device, type DeviceOption } from './device.ts';
import { loadBackend, type WasmPaths } from './load-backend.ts';
import {
  describeAdapter,
  DISPATCHES_A_SUBMISSION,
  isSoftwareAdapter,
  type Obstacle,
  type Platform,
} from './platform.ts';

export interface BootOptions {
  /** Default `auto`. */
  readonly device?: DeviceOption;
  /**
   * Where a browser finds the `.wasm` files; Node needs none. Default: beside the page's script. Without effect once
   * the WASM backend has started.
   */
  readonly wasmPaths?: WasmPaths;
  readonly signal?: AbortSignal;
}

export interface BootedBackend {
  readonly device: Device;
  /** For people: `webgpu (nvidia hopper)`, `wasm`, `cpu`. */
  readonly description: string;
  /** Why faster devices were passed over, when `auto` chose. */
  readonly warnings: readonly string[];
}

function unavailable(device: Device, obstacle: Obstacle): LatteFlowError {
  return new LatteFlowError(obstacle.code, {
    where: 'bootBackend',
    expected: `a working ${device} device`,
    got: obstacle.reason,
    remedy: obstacle.remedy,
    data: { device },
    cause: obstacle.cause,
  });
}

async function adapterOf(device: Device): Promise<GPUAdapter | undefined> {
  if (device !== 'webgpu') return undefined;
  return (await navigator.gpu.requestAdapter({ powerPreference: 'high-performance' })) ?? undefined;
}

interface StartOptions {
  readonly automatic: boolean;
  readonly wasmPaths: WasmPaths | undefined;
}

async function start(platform: Platform, device: Device, { automatic, wasmPaths }: StartOptions): Promise<string> {
  const obstacle = await platform.obstacle(device);
  if (obstacle !== undefined) throw unavailable(device, obstacle);
  const adapter = await adapterOf(device);
  if (automatic && adapter !== undefined && isSoftwareAdapter(adapter)) {
    throw unavailable(device, {
      code: 'backend-unavailable',
      reason: `only the software adapter ${describeAdapter(adapter)}`,
      remedy: 'Ask for device webgpu by name to use it all the same.',
    });
  }
  await loadBackend(device, wasmPaths);
  if (!(await setBackend(device))) {
    throw unavailable(device, {
      code: 'backend-unavailable',
      reason: 'a backend that failed to start',
      remedy:
        device === 'wasm'
          ? 'In a browser, serve the .wasm files of @tensorflow/tfjs-backend-wasm and name their folder as wasmPaths.'
          : 'Choose another device.',
    });
  }
  if (adapter !== undefined && !isSoftwareAdapter(adapter)) {
    env().set('WEBGPU_DEFERRED_SUBMIT_BATCH_SIZE', DISPATCHES_A_SUBMISSION);
  }
  return adapter === undefined ? device : `${device} (${describeAdapter(adapter)})`;
}

/** Binds `bootBackend` to a platform; each entry point of this package does it once. */
export function bootWith(platform: Platform): (options?: BootOptions) => Promise<BootedBackend> {
  return async ({ device = 'auto', wasmPaths, signal } = {}) => {
    requireOneOf('bootBackend', 'device', device, deviceOptions);
    throwIfAborted(signal);
    enableProdMode();
    await platform.registerGradients();
    if (device !== 'auto') {
      return { device, description: await start(platform, device, { automatic: false, wasmPaths }), warnings: [] };
    }

    const warnings: string[] = [];
    for (const candidate of devicePreference) {
      throwIfAborted(signal);
      try {
        return {
          device: candidate,
          description: await start(platform, candidate, { automatic: true, wasmPaths }),
          warnings,
        };
      } catch (error) {
        if (!LatteFlowError.isInstance(error)) throw error;
        warnings.push(`${candidate} passed over: ${error.message}`);
      }
    }
    throw new LatteFlowError('backend-unavailable', {
      where: 'bootBackend',
      expected: 'webgpu, wasm or cpu to work',
      got: 'none of them',
      remedy: 'Install @tensorflow/tfjs-backend-wasm or @tensorflow/tfjs-backend-cpu beside this package.',
      data: { warnings },
    });
  };
}
