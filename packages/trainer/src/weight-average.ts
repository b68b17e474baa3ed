import { requireFinite } from '@latte-flow/core';
import { add, clone, keep, mul, sub, tidy, type Tensor1D } from '@tensorflow/tfjs-core';

import type { BlockState } from './adamw.ts';
import type { ParameterBlock } from './parameter-block.ts';

export interface WeightAverageOptions {
  /** Share of the average that a step keeps: a number in [0, 1), or a function of the step (0 is the first). */
  readonly decay: number | ((step: number) => number);
}

/**
 * Exponential moving average of the weights, a flat vector a block: a <- a + (1 - decay) (w - a) after every step,
 * for blocks without a gradient too. Starts at the weights it is made with.
 */
export class WeightAverage {
  readonly #averages: Map<ParameterBlock, Tensor1D>;
  readonly #decay: (step: number) => number;

  constructor(states: readonly BlockState[], { decay }: WeightAverageOptions) {
    if (typeof decay === 'number') requireFinite('Trainer', 'ema.decay', decay, { min: 0, max: 1 - Number.EPSILON });
    this.#decay = typeof decay === 'number' ? () => decay : decay;
    this.#averages = new Map(states.map(({ block, weights }) => [block, keep(clone(weights))]));
  }

  /** `[length]`, borrowed. */
  of(block: ParameterBlock): Tensor1D {
    return this.#averages.get(block)!;
  }

  update(states: readonly BlockState[], step: number): void {
    const rate = 1 - this.#decay(step);
    for (const { block, weights } of states) {
      const average = this.of(block);
      this.replace(
        block,
        tidy(() => add(average, mul(sub(weights, average), rate))),
      );
    }
  }

  /** Takes ownership of `average`, `[length]`. */
  replace(block: ParameterBlock, average: Tensor1D): void {
    this.of(block).dispose();
    this.#averages.set(block, keep(average));
  }

  dispose(): void {
    for (const average of this.#averages.values()) average.dispose();
  }
}
