import { uniformNoise } from '@latte-flow/core';

/** The random choices of one case: a pure function of seed and index. */
export class Draws {
  readonly #seed: number;
  readonly #index: number;
  #uniforms = new Float64Array(0);
  #taken = 0;

  constructor(seed: number, index: number) {
    this.#seed = seed;
    this.#index = index;
  }

  /** In (0, 1). */
  unit(): number {
    if (this.#taken === this.#uniforms.length) {
      // A longer stream begins with the shorter one.
      const length = Math.max(64, 2 * this.#taken);
      this.#uniforms = Float64Array.from(uniformNoise(length, { seed: this.#seed, image: this.#index }));
    }
    return this.#uniforms[this.#taken++]!;
  }

  /** An integer in [0, end). */
  below(end: number): number {
    return Math.floor(end * this.unit());
  }

  pick<T>(values: readonly T[]): T {
    return values[this.below(values.length)]!;
  }
}
