import { withKernels } from '@latte-flow/ops';
import { captureStep, webgpuDevice } from '@latte-flow/runtime';
import { dispose, tidy, type Tensor } from '@tensorflow/tfjs-core';

import { clock, type ClockOptions, type DeviceWait } from './clock.ts';
import { kernelsOf, rates, type BenchResult, type Engine } from './result.ts';

export interface MeasureOptions extends ClockOptions {
  readonly wait: DeviceWait;
}

/** A computation to be measured. */
export interface Workload extends Pick<BenchResult, 'name' | 'shape' | 'pass' | 'error_against'> {
  readonly engine: Engine;
  /** Borrows its inputs; returns its results, which the caller owns. */
  readonly step: () => Tensor[];
  readonly flops?: number;
  readonly bytes?: number;
  readonly error: number | null;
}

/** The values of a workload's results. */
export async function valuesOf(engine: Engine, step: () => Tensor[]): Promise<Float32Array[]> {
  const results = tidy(() => withKernels(kernelsOf(engine), step));
  try {
    return await Promise.all(results.map((result) => result.data<'float32'>()));
  } finally {
    dispose(results);
  }
}

/** Measures a workload enqueued op by op and, on WebGPU, recorded and replayed. */
export async function measure(workload: Workload, options: MeasureOptions): Promise<BenchResult[]> {
  const { name, shape, pass, engine, step, flops, bytes, error, error_against } = workload;
  const run = (): void => tidy(() => void withKernels(kernelsOf(engine), step));
  const labels = { name, shape, pass, engine, error, error_against };
  const enqueued = await clock(run, options);
  if (webgpuDevice() === undefined) {
    return [{ ...labels, mode: 'enqueued', ...enqueued, ...rates(enqueued.ms, { flops, bytes }), dispatches: null }];
  }
  // Without inputs and results of the recording's own: their copies are no part of the op.
  using captured = captureStep(() => (run(), []), []);
  const replayed = await clock(() => captured.run(), options);
  const dispatches = captured.commands;
  return [
    { ...labels, mode: 'enqueued', ...enqueued, ...rates(enqueued.ms, { flops, bytes }), dispatches },
    { ...labels, mode: 'captured', ...replayed, ...rates(replayed.ms, { flops, bytes }), dispatches },
  ];
}
