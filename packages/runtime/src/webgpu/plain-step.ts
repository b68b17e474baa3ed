import { clone, tidy, type Tensor } from '@tensorflow/tfjs-core';

import { requireAlive } from '../ownership/tensor-owner.ts';
import { requireInputs, type CapturedStep, type Signature, type TensorStep } from './captured-step.ts';

/** Where nothing can be recorded, a step is run as it is. */
export class PlainStep implements CapturedStep {
  readonly commands = 0;
  readonly bytes = 0;
  readonly #step: TensorStep;
  readonly #signatures: readonly Signature[];
  #disposed = false;

  constructor(step: TensorStep, signatures: readonly Signature[]) {
    this.#step = step;
    this.#signatures = signatures;
  }

  run(...inputs: Tensor[]): Tensor[] {
    requireAlive('CapturedStep.run', 'captured step', this.#disposed);
    requireInputs(inputs, this.#signatures);
    // Clones: a result that is an input, or what the step closes over, stays its owner's.
    return tidy(() => this.#step(...inputs).map((result) => clone(result)));
  }

  dispose(): void {
    this.#disposed = true;
  }

  [Symbol.dispose](): void {
    this.dispose();
  }
}
