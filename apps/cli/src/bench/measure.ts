import { captureStep, webgpuDevice } from '@latte-flow/runtime';
import { dispose, tidy, type Tensor } from '@tensorflow/tfjs-core';

import { clock, type ClockOptions, type Wait } from './clock.ts';
import type { OnnxRuntime } from './onnx/runtime.ts';
import { rates, runAs, type BenchResult, type Contender } from './result.ts';

export interface MeasureOptions extends ClockOptions {
  readonly wait: Wait;
  /** Where it is installed. */
  readonly onnxRuntime?: OnnxRuntime;
}

/** A computation to be measured. */
export interface Workload extends Pick<BenchResult, 'name' | 'shape' | 'pass' | 'error' | 'error_against'> {
  readonly contender: Contender;
  /** Borrows its inputs; returns its results, which the caller owns. */
  readonly step: (...inputs: Tensor[]) => Tensor[];
  /**
   * What a recording copies to memory of its own at each run, as it does with the results from there. Without inputs it
   * copies neither: a single op is measured alone.
   */
  readonly inputs?: readonly Tensor[];
  /** Whether it can be recorded. Default true; TensorFlow.js' own variables change their memory at each update. */
  readonly recorded?: boolean;
  readonly flops?: number;
  readonly bytes?: number;
}

/** The values of a step's results. */
export async function valuesOf(contender: Contender, step: () => Tensor[]): Promise<Float32Array[]> {
  const results = tidy(() => runAs(contender, step));
  try {
    return await Promise.all(results.map((result) => result.data<'float32'>()));
  } finally {
    dispose(results);
  }
}

/** Measures a workload enqueued op by op and, on WebGPU, recorded and replayed. */
export async function measure(workload: Workload, options: MeasureOptions): Promise<BenchResult[]> {
  const { name, shape, pass, contender, step, inputs, recorded = true, flops, bytes, error, error_against } = workload;
  const labels = { name, shape, pass, ...contender };
  const compute = (...taken: Tensor[]): Tensor[] => runAs(contender, () => step(...taken));
  const discard = (): void => tidy(() => void compute(...(inputs ?? [])));
  const enqueued = await clock(discard, options);
  const rest = { error, error_against };
  if (webgpuDevice() === undefined || !recorded) {
    return [
      { ...labels, mode: 'enqueued', ...enqueued, dispatches: null, ...rates(enqueued.ms, { flops, bytes }), ...rest },
    ];
  }
  using captured = inputs === undefined ? captureStep(() => (discard(), []), []) : captureStep(compute, inputs);
  const replayed = await clock(() => dispose(captured.run(...(inputs ?? []))), options);
  const dispatches = captured.commands;
  return [
    { ...labels, mode: 'enqueued', ...enqueued, dispatches, ...rates(enqueued.ms, { flops, bytes }), ...rest },
    { ...labels, mode: 'captured', ...replayed, dispatches, ...rates(replayed.ms, { flops, bytes }), ...rest },
  ];
}
