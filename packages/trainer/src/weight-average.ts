import { requireFinite } from '@latte-flow/core';
import { add, tidy, variable, type Rank, type Variable } from '@tensorflow/tfjs-core';

import type { BlockState } from './adamw.ts';
import type { ParameterBlock } from './parameter-block.ts';

export interface WeightAverageOptions {
  /** Share of the average that a step keeps: a number in [0, 1), or a function of the step (0 is the first). */
  readonly decay: number | ((step: number) => number);
}

/**
 * Exponential moving average of the weights, a flat vector a block: a <- a + (1 - decay) (w - a) after every step,
 * for blocks without a gradient too, written in place by the optimiser's update. Starts at the weights it is made with.
 */
export class WeightAverage {
  readonly #averages: ReadonlyMap<ParameterBlock, Variable<Rank.R1>>;
  readonly #decay: (step: number) => number;

  constructor(states: readonly BlockState[], { decay }: WeightAverageOptions) {
    if (typeof decay === 'number') requireFinite('Trainer', 'ema.decay', decay, { min: 0, max: 1 - Number.EPSILON });
    this.#decay = typeof decay === 'number' ? () => decay : decay;
    this.#averages = new Map(
      // A copy: memory that is written in place can't be the weights'.
      states.map(({ block, weights }) => [block, tidy(() => variable(add(weights, 0), false))]),
    );
  }

  /** `[length]`, borrowed. */
  of(block: ParameterBlock): Variable<Rank.R1> {
    return this.#averages.get(block)!;
  }

  /** How far the average goes towards the weights at a step. */
  rate(step: number): number {
    return 1 - this.#decay(step);
  }

  dispose(): void {
    for (const average of this.#averages.values()) average.dispose();
  }
}
