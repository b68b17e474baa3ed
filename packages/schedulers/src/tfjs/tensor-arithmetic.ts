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

/**
 * The sum of coefficient times tensor (any shape, float32, all alike): the scaled terms summed by one operation. The caller
 * owns the result.
 */
export function combineTensors(terms: readonly (readonly [coefficient: number, array: Tensor])[]): Tensor {
  // One product of the coefficients and the stacked terms is a single operation more, but 10 times slower on WASM.
  const scaled = terms.map(([coefficient, array]) => (coefficient === 1 ? array : mul(array, coefficient)));
  return scaled.length === 1 ? scaled[0]! : addN(scaled);
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
