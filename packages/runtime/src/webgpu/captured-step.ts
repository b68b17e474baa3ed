import { formatShape, LatteFlowError, requireShape, type Shape } from '@latte-flow/core';
import type { DataType, Tensor } from '@tensorflow/tfjs-core';

/** A step of tensors to tensors. Each result is a new tensor; everything else that it makes it disposes of. */
export type TensorStep = (...inputs: Tensor[]) => Tensor[];

export interface CapturedStep extends Disposable {
  /**
   * Runs the step on tensors of the shapes and dtypes that it was captured with. Borrows them.
   * @returns the step's results, owned by the caller
   * @throws LatteFlowError `shape-mismatch`, `disposed` (the step, an input, or a tensor that the step closes over),
   * `device-lost`
   */
  run(...inputs: Tensor[]): Tensor[];
  /** Commands that one run encodes; 0 where nothing is recorded. */
  readonly commands: number;
  /** Bytes of the device's memory that the step holds: its intermediate tensors. */
  readonly bytes: number;
  /** Frees them; idempotent. */
  dispose(): void;
}

/** What is fixed of an input or a result. */
export interface Signature {
  readonly shape: Shape;
  readonly dtype: DataType;
}

/** @throws LatteFlowError `shape-mismatch`, `disposed` */
export function requireInputs(inputs: readonly Tensor[], expected: readonly Signature[]): void {
  const where = 'CapturedStep.run';
  requireShape(where, 'inputs', [inputs.length], [expected.length]);
  for (const [i, { shape, dtype }] of expected.entries()) {
    const input = inputs[i]!;
    if (input.isDisposed) throw gone(where, `inputs[${i}]`);
    requireShape(where, `inputs[${i}]`, input.shape, shape);
    if (input.dtype === dtype) continue;
    throw new LatteFlowError('shape-mismatch', {
      where,
      expected: `inputs[${i}] ${formatShape(shape)} in ${dtype}`,
      got: input.dtype,
      remedy: 'Cast it, or capture the step with a tensor of that dtype.',
      data: { expected: dtype, got: input.dtype },
    });
  }
}

/** For a tensor that a captured step needs and that was disposed of. */
export function gone(where: string, name: string): LatteFlowError {
  return new LatteFlowError('disposed', {
    where,
    expected: `${name} in use`,
    got: 'a tensor that was disposed of',
    remedy: 'Dispose of the captured step before what it closes over, and of its inputs after their run.',
  });
}
