import { tidy, type Tensor } from '@tensorflow/tfjs-core';

/**
 * Runs steps one after another and frees what each made as soon as the next is done, so that the memory at any time is that
 * of one step. Borrows x; the result is the caller's. A gradient that is being taken keeps what it needs.
 */
export function chain(x: Tensor, steps: readonly ((x: Tensor) => Tensor)[]): Tensor {
  let current = x;
  for (const step of steps) {
    const before = current;
    current = tidy(() => step(before));
    if (before !== x) before.dispose();
  }
  return current === x ? x.clone() : current;
}
