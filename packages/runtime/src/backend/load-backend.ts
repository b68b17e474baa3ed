import { engine } from '@tensorflow/tfjs-core';

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

/** Imports the TensorFlow.js backend package of the device, which registers it. Literal specifiers, so that bundlers see them. */
export async function loadBackend(device: Device, wasmPaths?: WasmPaths): Promise<void> {
  if (device === 'webgpu') await import('@tensorflow/tfjs-backend-webgpu');
  else if (device === 'cpu') await import('@tensorflow/tfjs-backend-cpu');
  else {
    const { setWasmPaths } = await import('@tensorflow/tfjs-backend-wasm');
    const hasStarted = 'wasm' in engine().registry;
    if (wasmPaths === undefined || hasStarted) return;
    setWasmPaths(typeof wasmPaths === 'string' ? wasmPaths.replace(/\/?$/, '/') : { ...wasmPaths });
  }
}
