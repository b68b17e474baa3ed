import { elementCount, NoisePurpose, normalNoise, type Shape } from '@latte-flow/core';
import { tensor, type Tensor } from '@tensorflow/tfjs-core';

/** Numbers drawn; larger tensors repeat them, since drawing 350 million weights would take longer than measuring. */
const DRAWN = 2 ** 20;
const SEED = 5;

let drawn: Float32Array | undefined;

/**
 * `length` standard normals times `scale`. `place` tells the tensors of one benchmark apart: each begins elsewhere in the
 * same Philox stream.
 */
export function normals(length: number, { place, scale = 1 }: { place: number; scale?: number }): Float32Array {
  drawn ??= normalNoise(DRAWN, { seed: SEED, purpose: NoisePurpose.initialisation });
  const out = new Float32Array(length);
  const start = (place * 7919) % DRAWN;
  for (let at = 0, from = start; at < length; from = 0) {
    const part = drawn.subarray(from, Math.min(DRAWN, from + length - at));
    out.set(part, at);
    at += part.length;
  }
  return scale === 1 ? out : out.map((value) => value * scale);
}

/** Draws one tensor after another, each from a place of its own. The tensors are the caller's. */
export class TensorDraw {
  #place = 0;

  normal(shape: Shape, scale = 1): Tensor {
    return tensor(normals(elementCount(shape), { place: this.#place++, scale }), [...shape]);
  }

  /** Around 1, as the weights of a norm are. */
  aroundOne(shape: Shape): Tensor {
    const values = normals(elementCount(shape), { place: this.#place++, scale: 0.1 });
    return tensor(
      values.map((value) => 1 + value),
      [...shape],
    );
  }

  /** int32 in [0, end). */
  indices(shape: Shape, end: number): Tensor {
    const values = normals(elementCount(shape), { place: this.#place++ });
    const indices = Int32Array.from(values, (value) => Math.floor(Math.abs(value) * 1e6) % end);
    return tensor(indices, [...shape], 'int32');
  }
}
