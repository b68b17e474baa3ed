import { requireFinite } from '@latte-flow/core';
import { adamW, movingAverage } from '@latte-flow/ops';
import {
  keep,
  scalar,
  tensor1d,
  tidy,
  variable,
  zerosLike,
  type Rank,
  type Scalar,
  type Tensor1D,
  type Variable,
} from '@tensorflow/tfjs-core';

import type { ParameterBlock } from './parameter-block.ts';
import type { WeightAverage } from './weight-average.ts';

export interface AdamWOptions {
  /** Decay of the moments. Default [0.9, 0.999]. */
  readonly betas?: readonly [number, number];
  /** Added to the root of the corrected second moment. Default 1e-8. */
  readonly epsilon?: number;
  /** Decoupled: weights shrink by learning rate times this, whatever the gradient. Default 0.01. */
  readonly weightDecay?: number;
  /** Which parameters decay. Default all. */
  readonly decay?: (name: string) => boolean;
}

/** State of one block, flat `[length]`, updated in place. The tensors are the optimiser's. */
export interface BlockState {
  readonly block: ParameterBlock;
  /** Updates that this block has had. */
  steps: number;
  readonly weights: Variable<Rank.R1>;
  readonly firstMoment: Variable<Rank.R1>;
  readonly secondMoment: Variable<Rank.R1>;
}

/** Values of a block's state, flat `[length]`. */
export type SavedBlock = Readonly<Record<'weights' | 'firstMoment' | 'secondMoment', Tensor1D>> & {
  readonly steps: number;
};

export interface Update {
  readonly learningRate: number;
  /** Every gradient is multiplied by this first. Default 1. */
  readonly factor?: Scalar;
  /** Follows the weights of every block, also of those without a gradient: a <- a + rate (w - a). */
  readonly average?: { readonly of: WeightAverage; readonly rate: number };
}

/** How weights of a block decay: none of them, all, or those that a mask names; most blocks need no mask. */
interface Decay {
  readonly weightDecay: number;
  readonly mask?: Tensor1D;
}

function decayOf(block: ParameterBlock, weightDecay: number, decays: (name: string) => boolean): Decay {
  const flags = block.members.map(({ name }) => weightDecay > 0 && decays(name));
  if (!flags.some(Boolean)) return { weightDecay: 0 };
  if (flags.every(Boolean)) return { weightDecay };
  const mask = new Float32Array(block.length);
  block.members.forEach(({ offset, variable: { size } }, i) => mask.fill(Number(flags[i]), offset, offset + size));
  return { weightDecay, mask: keep(tensor1d(mask)) };
}

/** Weights of now, moments of nothing. */
function freshVectors(block: ParameterBlock): Pick<BlockState, 'weights' | 'firstMoment' | 'secondMoment'> {
  return tidy(() => {
    const weights = block.weights();
    return {
      weights: variable(weights, false),
      firstMoment: variable(zerosLike(weights), false),
      secondMoment: variable(zerosLike(weights), false),
    };
  });
}

/**
 * AdamW (Loshchilov and Hutter, "Decoupled weight decay regularization") with torch.optim.AdamW's arithmetic, t counted
 * block by block. A block without a gradient keeps weights, moments and t: no decay either.
 *
 * Works on flat vectors, an update of a block being one operation on WebGPU, and writes the results to the blocks'
 * variables, which it borrows. Its own copy of the weights is the master: variables changed by others are overwritten.
 */
export class AdamW {
  readonly states: readonly BlockState[];
  readonly #decays: readonly Decay[];
  readonly #betas: readonly [number, number];
  readonly #epsilon: number;
  readonly #one = keep(scalar(1));

  constructor(blocks: readonly ParameterBlock[], options: AdamWOptions = {}) {
    const { betas = [0.9, 0.999], epsilon = 1e-8, weightDecay = 0.01, decay = () => true } = options;
    this.#betas = betas;
    for (const beta of betas) requireFinite('AdamW', 'betas', beta, { min: 0, max: 1 - Number.EPSILON });
    this.#epsilon = requireFinite('AdamW', 'epsilon', epsilon, { min: 0 });
    requireFinite('AdamW', 'weightDecay', weightDecay, { min: 0 });
    this.#decays = blocks.map((block) => decayOf(block, weightDecay, decay));
    this.states = blocks.map((block) => ({ block, steps: 0, ...freshVectors(block) }));
  }

  /** One update of every block that has a gradient. Borrows the gradients, flat `[length]`. */
  update(
    gradients: ReadonlyMap<ParameterBlock, Tensor1D>,
    { learningRate, factor = this.#one, average }: Update,
  ): void {
    tidy(() => {
      const rate = average === undefined ? undefined : scalar(average.rate);
      this.states.forEach((state, i) => {
        const gradient = gradients.get(state.block);
        const averaged = average?.of.of(state.block);
        if (gradient === undefined) {
          if (averaged !== undefined) movingAverage(averaged, state.weights, rate!);
          return;
        }
        state.steps++;
        const { weightDecay, mask: decayMask } = this.#decays[i]!;
        adamW({ ...state, average: averaged }, gradient, {
          learningRate,
          step: state.steps,
          betas: this.#betas,
          epsilon: this.#epsilon,
          weightDecay,
          decayMask,
          factor,
          averageRate: average?.rate,
        });
        state.block.assign(state.weights);
      });
    });
  }

  /** Puts a saved state in the place of a block's, variables included. Borrows the tensors, whose memory must be theirs alone. */
  restore(state: BlockState, { steps, weights, firstMoment, secondMoment }: SavedBlock): void {
    state.steps = steps;
    state.weights.assign(weights);
    state.firstMoment.assign(firstMoment);
    state.secondMoment.assign(secondMoment);
    state.block.assign(weights);
  }

  dispose(): void {
    for (const { weights, firstMoment, secondMoment } of this.states) {
      for (const tensor of [weights, firstMoment, secondMoment]) tensor.dispose();
    }
    for (const { mask } of this.#decays) mask?.dispose();
    this.#one.dispose();
  }
}
