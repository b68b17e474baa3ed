import { LatteFlowError } from '@latte-flow/core';
import type { Tensor } from '@tensorflow/tfjs-core';

/** Throws `disposed` if the object called `name` no longer lives. */
export function requireAlive(where: string, name: string, disposed: boolean): void {
  if (!disposed) return;
  throw new LatteFlowError('disposed', {
    where,
    expected: `a ${name} in use`,
    got: `a ${name} that was disposed of`,
    remedy: `Create the ${name} again, or dispose of it later.`,
  });
}

/**
 * Owns tensors for the length of an asynchronous piece of work, where `tf.tidy` can't: everything given to `own` is
 * disposed of by `dispose`, on success, on a throw and on an abort alike.
 *
 * @example
 * using owner = new TensorOwner();
 * const noise = owner.own(tensor(values, shape));
 */
export class TensorOwner implements Disposable {
  readonly #owned = new Set<Tensor>();

  /** Takes ownership and returns the same tensor. */
  own<T extends Tensor>(tensor: T): T {
    this.#owned.add(tensor);
    return tensor;
  }

  /** Hands the tensor back to the caller, who owns it from now on. */
  release<T extends Tensor>(tensor: T): T {
    this.#owned.delete(tensor);
    return tensor;
  }

  /** Disposes of `previous` and owns `next` in its place: the running state of a loop. */
  replace<T extends Tensor>(previous: Tensor, next: T): T {
    this.#owned.delete(previous);
    previous.dispose();
    return this.own(next);
  }

  dispose(): void {
    for (const tensor of this.#owned) tensor.dispose();
    this.#owned.clear();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }
}
