import { LatteFlowError } from '@latte-flow/core';
import { engine } from '@tensorflow/tfjs-core';

import { registerWebGPU, type BackendConstructor } from '../webgpu/register.ts';
import type { Device } from './device.ts';

/**
 * Where a browser finds the `.wasm` files of `@tensorflow/tfjs-backend-wasm`: the URL of their folder, or the URL of
 * each by its name, as bundlers that rename files need.
 */
export type WasmPaths =
  | string
  | Readonly<
      Record<'tfjs-backend-wasm.wasm' | 'tfjs-backend-wasm-simd.wasm' | 'tfjs-backend-wasm-threaded-simd.wasm', string>
    >;

async function importWebGPU(): Promise<void> {
  const { WebGPUBackend } = await import('@tensorflow/tfjs-backend-webgpu');
  registerWebGPU(WebGPUBackend as unknown as BackendConstructor);
}

/** Literal specifiers, so that bundlers see them. */
async function importBackend(device: Device): Promise<void> {
  if (device === 'webgpu') await importWebGPU();
  else if (device === 'wasm') await import('@tensorflow/tfjs-backend-wasm');
  else await import('@tensorflow/tfjs-backend-cpu');
}

async function applyWasmPaths(wasmPaths: WasmPaths): Promise<void> {
  const { setWasmPaths } = await import('@tensorflow/tfjs-backend-wasm');
  try {
    setWasmPaths(typeof wasmPaths === 'string' ? wasmPaths.replace(/\/?$/, '/') : { ...wasmPaths });
  } catch (cause) {
    throw new LatteFlowError('backend-unavailable', {
      where: 'bootBackend',
      expected: 'a WASM backend that takes wasmPaths',
      got: 'one that failed to start before, or paths that lack a file',
      remedy: 'Name the folder of all .wasm files at the first call; reload the page after a failed one.',
      cause,
    });
  }
}

/**
 * Imports the TensorFlow.js backend package of the device, which registers it.
 * @throws LatteFlowError `dependency-missing` or `backend-unavailable`
 */
export async function loadBackend(device: Device, wasmPaths?: WasmPaths): Promise<void> {
  try {
    await importBackend(device);
  } catch (cause) {
    const name = `@tensorflow/tfjs-backend-${device}`;
    throw new LatteFlowError('dependency-missing', {
      where: 'bootBackend',
      expected: `a working ${device} device`,
      got: `no package ${name} that could be loaded`,
      remedy: `Install the npm package ${name}.`,
      data: { device },
      cause,
    });
  }
  const hasStarted = 'wasm' in engine().registry;
  if (device === 'wasm' && wasmPaths !== undefined && !hasStarted) await applyWasmPaths(wasmPaths);
}
