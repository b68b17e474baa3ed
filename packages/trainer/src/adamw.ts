import { requireFinite } from '@latte-flow/core';
import {
  add,
  div,
  keep,
  mul,
  scalar,
  sqrt,
  square,
  sub,
  tensor1d,
  tidy,
  zerosLike,
  type Scalar,
  type Tensor1D,
} from '@tensorflow/tfjs-core';

import type { ParameterBlock } from './parameter-block.ts';

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

/** State of one block, flat `[length]`. The tensors are the optimiser's. */
export interface BlockState {
  readonly block: ParameterBlock;
  /** Updates that this block has had. */
  steps: number;
  weights: Tensor1D;
  firstMoment: Tensor1D;
  secondMoment: Tensor1D;
}

export interface Update {
  readonly learningRate: number;
  /** Every gradient is multiplied by this first. Default 1. */
  readonly factor?: Scalar | number;
}

type DecayMask = 'all' | 'none' | Tensor1D;

/** A mask only where a block needs one: most blocks decay as a whole or not at all. */
function decayMask(block: ParameterBlock, decays: (name: string) => boolean): DecayMask {
  const flags = block.members.map(({ name }) => decays(name));
  if (flags.every(Boolean)) return 'all';
  if (!flags.some(Boolean)) return 'none';
  const mask = new Float32Array(block.length);
  block.members.forEach(({ offset, variable }, i) => mask.fill(Number(flags[i]), offset, offset + variable.size));
  return keep(tensor1d(mask));
}

/**
 * AdamW (Loshchilov and Hutter, "Decoupled weight decay regularization") with torch.optim.AdamW's arithmetic:
 * p <- p (1 - lr wd); m <- b1 m + (1 - b1) g; v <- b2 v + (1 - b2) g^2;
 * p <- p - lr m_hat / (sqrt(v_hat) + eps), m_hat = m / (1 - b1^t), v_hat = v / (1 - b2^t), t counted block by block.
 * A block without a gradient keeps weights, moments and t: no decay either.
 *
 * Works on flat vectors, 13 elementwise ops a block, and writes the results to the blocks' variables, which it
 * borrows. Its own copy of the weights is the master: variables changed by others are overwritten.
 */
export class AdamW {
  readonly states: readonly BlockState[];
  readonly #masks: readonly DecayMask[];
  readonly #betas: readonly [number, number];
  readonly #betaScalars: readonly [Scalar, Scalar];
  readonly #epsilon: number;
  readonly #weightDecay: number;

  constructor(blocks: readonly ParameterBlock[], options: AdamWOptions = {}) {
    const { betas = [0.9, 0.999], epsilon = 1e-8, weightDecay = 0.01, decay = () => true } = options;
    this.#betas = betas;
    for (const beta of betas) requireFinite('AdamW', 'betas', beta, { min: 0, max: 1 - Number.EPSILON });
    this.#epsilon = requireFinite('AdamW', 'epsilon', epsilon, { min: 0 });
    this.#weightDecay = requireFinite('AdamW', 'weightDecay', weightDecay, { min: 0 });
    this.#betaScalars = [keep(scalar(betas[0])), keep(scalar(betas[1]))];
    this.#masks = blocks.map((block) => decayMask(block, weightDecay === 0 ? () => false : decay));
    this.states = blocks.map((block) => {
      const weights = keep(block.weights());
      return {
        block,
        steps: 0,
        weights,
        firstMoment: keep(zerosLike(weights)),
        secondMoment: keep(zerosLike(weights)),
      };
    });
  }

  /**
   * One update of every block that has a gradient. Borrows the gradients, flat `[length]`.
   */
  update(gradients: ReadonlyMap<ParameterBlock, Tensor1D>, { learningRate, factor = 1 }: Update): void {
    tidy(() => {
      const [beta1, beta2] = this.#betas;
      const first = mul(factor, 1 - beta1) as Scalar;
      const second = mul(square(factor), 1 - beta2) as Scalar;
      this.states.forEach((state, i) => {
        const gradient = gradients.get(state.block);
        if (gradient === undefined) return;
        const [momentDecay1, momentDecay2] = this.#betaScalars;
        const firstMoment: Tensor1D = add(mul(state.firstMoment, momentDecay1), mul(gradient, first));
        const secondMoment: Tensor1D = add(mul(state.secondMoment, momentDecay2), mul(square(gradient), second));
        // Both bias corrections go to scalars: sqrt(v_hat) + eps = (sqrt(v) + eps c) / c, with c = sqrt(1 - b2^t).
        const t = state.steps + 1;
        const correction = Math.sqrt(1 - beta2 ** t);
        const direction = div(firstMoment, add(sqrt(secondMoment), this.#epsilon * correction));
        const step = mul(direction, (learningRate * correction) / (1 - beta1 ** t));
        const weights: Tensor1D = sub(this.#decayed(state.weights, this.#masks[i]!, learningRate), step);
        replaceState(state, { steps: t, weights, firstMoment, secondMoment });
        state.block.assign(weights);
      });
    });
  }

  #decayed(weights: Tensor1D, mask: DecayMask, learningRate: number): Tensor1D {
    if (mask === 'none') return weights;
    const rate = learningRate * this.#weightDecay;
    return mask === 'all' ? mul(weights, 1 - rate) : sub(weights, mul(mul(weights, mask), rate));
  }

  /** Puts a saved state in the place of a block's, variables included. Takes ownership of the tensors. */
  restore(state: BlockState, saved: Omit<BlockState, 'block'>): void {
    replaceState(state, saved);
    state.block.assign(saved.weights);
  }

  dispose(): void {
    for (const { weights, firstMoment, secondMoment } of this.states) {
      for (const tensor of [weights, firstMoment, secondMoment]) tensor.dispose();
    }
    for (const mask of this.#masks) if (typeof mask !== 'string') mask.dispose();
    for (const beta of this.#betaScalars) beta.dispose();
  }
}

function replaceState(state: BlockState, next: Omit<BlockState, 'block'>): void {
  const previous = [state.weights, state.firstMoment, state.secondMoment];
  for (const tensor of [next.weights, next.firstMoment, next.secondMoment]) keep(tensor);
  Object.assign(state, next);
  for (const tensor of previous) tensor.dispose();
}
