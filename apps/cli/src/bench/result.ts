import { kernelFeatures, withKernels, withPrecision, type Precision } from '@latte-flow/ops';
import type { PackedFormat } from '@latte-flow/runtime';

import type { Timing } from './clock.ts';
import type { ShapeName } from './shapes.ts';

/**
 * Whose ops run: ours by their WebGPU kernels, ours by their definitions on TensorFlow.js' ops, TensorFlow.js alone with
 * its own gradients, or ONNX Runtime Web on its own WebGPU device.
 */
export type Engine = 'fused' | 'portable' | 'tensorflow.js' | 'onnxruntime-web';

/** Who computes, and how. */
export interface Contender {
  readonly engine: Engine;
  /** Of the operands of products. */
  readonly precision: Precision;
  /** How the weights lie in memory. */
  readonly weights: 'float32' | PackedFormat;
}

/** Every op enqueued from JavaScript at each repetition, or recorded once and replayed (`captureStep`). */
export type Mode = 'enqueued' | 'captured';

/** `gradient` is the forward pass and its gradient. */
export type Pass = 'forward' | 'gradient' | 'update' | 'training step';

/** One measurement, as it stands in the JSON. */
export interface BenchResult extends Timing, Contender {
  /** `layers`, or an op's name. */
  readonly name: string;
  readonly shape: ShapeName;
  readonly pass: Pass;
  readonly mode: Mode;
  /** Commands that one repetition gives the device, where that is known. */
  readonly dispatches: number | null;
  readonly tflops: number | null;
  /** Of the memory that must be read and written at the least: inputs and results. */
  readonly gb_per_s: number | null;
  /** max|a - b| / max|b| against the engine named in `error_against`, over all results; gradients count for themselves. */
  readonly error: number | null;
  readonly error_against: Engine | null;
}

export const contender = (engine: Engine, options: Partial<Contender> = {}): Contender => ({
  engine,
  precision: 'float32',
  weights: 'float32',
  ...options,
});

/**
 * Our ops on this device: by their definitions; on WebGPU also by kernels, in half precision too where there are matrix
 * units.
 */
export function ourContenders(): Contender[] {
  const features = kernelFeatures();
  const kernels = features === undefined ? [] : [contender('fused')];
  if (features?.subgroupMatrix && features.f16) kernels.push(contender('fused', { precision: 'float16' }));
  return [...kernels, contender('portable')];
}

/** Runs `work`, which is synchronous, as a contender does. */
export function runAs<T>({ engine, precision }: Contender, work: () => T): T {
  const choice = engine === 'fused' ? 'fused' : 'portable';
  return withKernels({ choice }, () => withPrecision(precision, work));
}

/** What a repetition computes and moves, as rates. */
export function rates(ms: number, { flops, bytes }: { flops?: number; bytes?: number }) {
  return {
    tflops: flops === undefined ? null : flops / ms / 1e9,
    gb_per_s: bytes === undefined ? null : bytes / ms / 1e6,
  };
}

/** max|a - b| / max|b| of the worst pair. NaN anywhere gives NaN. */
export function scaledError(values: readonly Float32Array[], expected: readonly Float32Array[]): number {
  let worst = 0;
  expected.forEach((reference, i) => {
    let [difference, size] = [0, 0];
    const found = values[i]!;
    for (let at = 0; at < reference.length; at++) {
      const distance = Math.abs(found[at]! - reference[at]!);
      if (distance > difference || Number.isNaN(distance)) difference = distance;
      size = Math.max(size, Math.abs(reference[at]!));
    }
    const error = difference === 0 ? 0 : difference / size;
    if (error > worst || Number.isNaN(error)) worst = error;
  });
  return worst;
}
