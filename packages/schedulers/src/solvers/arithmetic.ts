/** What an error may be relative and absolute to. */
export interface Tolerance {
  readonly rtol: number;
  readonly atol: number;
}

/** What a `Stepper` needs to know of a kind of array. Arrays are never changed once made. */
export interface Arithmetic<T> {
  /** Number of elements. */
  length(array: T): number;
  /** A copy that the caller of the stepper cannot change. */
  copy(array: T): T;
  /** Checks what a velocity callback returned against the sample, and makes it safe to keep. */
  accept(velocity: T, sample: T): T;
  /** Noise drawn on the host, as an array like the sample. */
  fromNoise(noise: ArrayLike<number>, sample: T): T;
  /** The sum of coefficient times array over at least one term, as a new array. */
  combine(terms: readonly (readonly [coefficient: number, array: T])[]): T;
  /**
   * rms(error / (atol + rtol max(|a|, |b|))) over all elements: a number, or where arrays live on a device a new array of
   * one element, which the loop reads with `read` and answers by `Stepper.measured`.
   */
  norm(error: T, between: readonly [T, T], tolerance: Tolerance): number | T;
  /** Reads the one element. Needed where `norm` gives an array. */
  read?(array: T): Promise<number>;
}
