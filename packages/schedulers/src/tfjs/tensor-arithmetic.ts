import { describeValue, formatShape, LatteFlowError, refuseArgument } from '@latte-flow/core';
import { abs, add, addN, clone, div, maximum, mean, mul, sqrt, square, Tensor, tensor } from '@tensorflow/tfjs-core';

import type { Arithmetic } from '../solvers/arithmetic.ts';

function requireFloatTensor(name: string, value: unknown): Tensor {
  if (value instanceof Tensor && value.dtype === 'float32') return value;
  return refuseArgument({
    where: 'integrateTensors',
    expected: `${name} to be a float32 tensor`,
    got: value instanceof Tensor ? `a tensor of dtype ${value.dtype}` : describeValue(value),
    remedy: 'Cast or convert it first.',
  });
}

/** WebGPU lets a shader read and write 8 arrays, one of them the sum; TensorFlow.js does not split larger sums. */
const ADDENDS = 7;

/** The sum of at least one tensor (any shape, all alike), by as few operations as all backends can. */
export function addTensors([first, ...others]: readonly [Tensor, ...Tensor[]]): Tensor {
  let sum = first;
  for (let i = 0; i < others.length; i += ADDENDS - 1) sum = addN([sum, ...others.slice(i, i + ADDENDS - 1)]);
  return sum;
}

/**
 * The sum of coefficient times tensor (any shape, float32, all alike): the scaled terms summed by one operation. The caller
 * owns the result.
 */
export function combineTensors(terms: readonly (readonly [coefficient: number, array: Tensor])[]): Tensor {
  // One product of the coefficients and the stacked terms would be fewer operations, but 10 times slower on WASM.
  const scaled = terms.map(([coefficient, array]) => (coefficient === 1 ? array : mul(array, coefficient)));
  return addTensors(scaled as [Tensor, ...Tensor[]]);
}

/** `Arithmetic` of float32 tensors. Makes intermediate tensors: runs in a `tidy`. */
export const tensorArithmetic: Arithmetic<Tensor> = {
  length: (array) => array.size,
  copy: (array) => clone(requireFloatTensor('sample', array)),
  accept(velocity, sample) {
    const { shape } = requireFloatTensor('the velocity', velocity);
    if (formatShape(shape) === formatShape(sample.shape)) return velocity;
    throw new LatteFlowError('shape-mismatch', {
      where: 'integrateTensors',
      expected: `a velocity of shape ${formatShape(sample.shape)}, that of the sample`,
      got: formatShape(shape),
      remedy: 'Reshape the velocity.',
      data: { shape, expected: sample.shape },
    });
  },
  fromNoise: (noise, sample) => tensor(Float32Array.from(noise), sample.shape, 'float32'),
  combine: combineTensors,
  norm: (error, [a, b], { rtol, atol }) =>
    sqrt(mean(square(div(error, add(mul(maximum(abs(a), abs(b)), rtol), atol))))),
  read: async (scalar) => (await scalar.data())[0]!,
};
