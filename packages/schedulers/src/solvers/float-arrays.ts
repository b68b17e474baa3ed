import { alike, combineArrays, type FloatArray, requireFloatArray, requireLength } from '../arrays/float-array.ts';
import type { Arithmetic } from './arithmetic.ts';

/** `Arithmetic` of typed arrays. */
export const floatArrays: Arithmetic<FloatArray> = {
  length: (array) => array.length,
  copy: (array) => requireFloatArray('integrate', 'sample', array).slice(),
  accept(velocity, sample) {
    requireLength('integrate', requireFloatArray('integrate', 'the velocity', velocity), sample.length);
    // A copy: inference runtimes hand out the same output buffer at every call.
    return alike(velocity, sample);
  },
  fromNoise(noise, sample) {
    requireLength('integrate', noise, sample.length);
    return alike(noise, sample);
  },
  combine: (terms) => combineArrays('integrate', terms),
  norm(error, [a, b], { rtol, atol }) {
    let sum = 0;
    for (let i = 0; i < error.length; i++) {
      sum += (error[i]! / (atol + rtol * Math.max(Math.abs(a[i]!), Math.abs(b[i]!)))) ** 2;
    }
    return Math.sqrt(sum / error.length);
  },
};
