import { requireShape } from '@latte-flow/core';
import { CaptureMemory, captureStep, variableGradients, webgpuDevice, type CapturedStep } from '@latte-flow/runtime';
import { mul, tidy, type Scalar, type Tensor, type Tensor1D } from '@tensorflow/tfjs-core';

import { formOf, withTensors } from './batch-form.ts';
import type { ParameterBlock } from './parameter-block.ts';

/** The loss of a batch and its gradients, both times the loss scale. The caller's. */
export interface Differentiated {
  readonly loss: Scalar;
  /** Flat, of the blocks that got one. */
  readonly gradients: ReadonlyMap<ParameterBlock, Tensor1D>;
}

export interface DerivativeOptions<Batch> {
  readonly loss: (batch: Batch, index: number) => Scalar;
  readonly lossScale: number;
  readonly blocks: readonly ParameterBlock[];
}

/** Differentiates the loss of a batch by the parameters. */
export function differentiate<Batch>(
  batch: Batch,
  index: number,
  { loss, lossScale, blocks }: DerivativeOptions<Batch>,
): Differentiated {
  const variables = blocks.flatMap(({ members }) => members.map(({ variable }) => variable));
  let found: ParameterBlock[] = [];
  const [value, ...gradients] = tidy(() => {
    const { value, grads } = variableGradients(() => {
      const of = loss(batch, index);
      requireShape('Trainer.run', 'the loss', of.shape, []);
      return lossScale === 1 ? of : (mul(of, lossScale) as Scalar);
    }, variables);
    const joined = blocks.map((block) => [block, block.gradients(grads)] as const);
    found = joined.filter(([, gradient]) => gradient !== undefined).map(([block]) => block);
    return [value, ...joined.flatMap(([, gradient]) => gradient ?? [])] as [Scalar, ...Tensor1D[]];
  });
  return { loss: value, gradients: new Map(found.map((block, i) => [block, gradients[i]!])) };
}

/** Forms of batches that are held at a time; what was not used for longest is forgotten. */
const MOST_FORMS = 24;

interface Captured {
  readonly step: CapturedStep;
  /** The blocks that got a gradient, in the order of the step's results after the loss. */
  readonly blocks: readonly ParameterBlock[];
}

/**
 * Differentiates batches of a form that was seen before by replaying what the second of them was recorded with: no op's JavaScript
 * runs. All forms share the device memory of their intermediate tensors. Off WebGPU every batch is differentiated as it is.
 */
export class CapturedDerivative<Batch> implements Disposable {
  readonly #options: DerivativeOptions<Batch>;
  readonly #memory = new CaptureMemory();
  /** By key, the one that was used last at the end; undefined where a form was seen once. */
  readonly #forms = new Map<string, Captured | undefined>();

  constructor(options: DerivativeOptions<Batch>) {
    this.#options = options;
  }

  /** @throws LatteFlowError `invalid-argument` for a batch that holds more than tensors and plain values */
  of(batch: Batch, index: number): Differentiated {
    const { key, tensors } = formOf(batch);
    const isKnown = this.#forms.has(key) && webgpuDevice() !== undefined;
    const captured = isKnown ? (this.#forms.get(key) ?? this.#capture(batch, index, tensors)) : undefined;
    this.#remember(key, captured);
    if (captured === undefined) return differentiate(batch, index, this.#options);
    const [loss, ...gradients] = captured.step.run(...tensors) as [Scalar, ...Tensor1D[]];
    return { loss, gradients: new Map(captured.blocks.map((block, i) => [block, gradients[i]!])) };
  }

  #capture(batch: Batch, index: number, tensors: readonly Tensor[]): Captured {
    let blocks: ParameterBlock[] = [];
    const step = captureStep(
      (...inputs) => {
        const { loss, gradients } = differentiate(withTensors(batch, inputs), index, this.#options);
        blocks = [...gradients.keys()];
        return [loss, ...gradients.values()];
      },
      tensors,
      { memory: this.#memory },
    );
    return { step, blocks };
  }

  #remember(key: string, captured: Captured | undefined): void {
    this.#forms.delete(key);
    this.#forms.set(key, captured);
    if (this.#forms.size <= MOST_FORMS) return;
    const [oldest, held] = this.#forms.entries().next().value!;
    held?.step.dispose();
    this.#forms.delete(oldest);
  }

  [Symbol.dispose](): void {
    for (const held of this.#forms.values()) held?.step.dispose();
    this.#forms.clear();
    this.#memory.dispose();
  }
}
