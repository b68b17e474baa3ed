import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';

/** The parts of ONNX Runtime Web that are used; the package itself is optional. */
export interface OnnxRuntime {
  readonly env: {
    readonly versions: { readonly web?: string };
    readonly wasm: { numThreads: number };
    readonly webgpu: { readonly device: Promise<OnnxDevice> };
  };
  readonly InferenceSession: {
    create(model: Uint8Array, options: object): Promise<OnnxSession>;
  };
  readonly Tensor: {
    fromGpuBuffer(buffer: object, options: { dataType: 'float32'; dims: readonly number[] }): OnnxTensor;
  };
}

export interface OnnxSession {
  run(feeds: Readonly<Record<string, OnnxTensor>>): Promise<Readonly<Record<string, OnnxTensor>>>;
  release(): Promise<void>;
}

export interface OnnxTensor {
  getData(): Promise<Float32Array>;
  dispose(): void;
}

/** ONNX Runtime's own WebGPU device. */
export interface OnnxDevice {
  createBuffer(options: { size: number; usage: number }): { destroy(): void };
  readonly queue: {
    writeBuffer(buffer: object, offset: number, data: Float32Array): void;
    onSubmittedWorkDone(): Promise<unknown>;
  };
}

/**
 * ONNX Runtime Web with its WebGPU backend: the file that `LATTE_ONNXRUNTIME` names, else the package `onnxruntime-web`;
 * undefined where it is not installed.
 */
export async function loadOnnxRuntime(
  env: Readonly<Record<string, string | undefined>>,
): Promise<OnnxRuntime | undefined> {
  const file = env['LATTE_ONNXRUNTIME'];
  const specifier = file === undefined ? 'onnxruntime-web/webgpu' : pathToFileURL(resolve(file)).href;
  try {
    return (await import(specifier)) as OnnxRuntime;
  } catch (error) {
    if (file === undefined && (error as NodeJS.ErrnoException).code === 'ERR_MODULE_NOT_FOUND') return undefined;
    throw error;
  }
}
