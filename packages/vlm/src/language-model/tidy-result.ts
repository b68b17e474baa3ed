import { tidy, type TensorContainer } from '@tensorflow/tfjs-core';

/**
 * `tf.tidy` for results that are typed objects of tensors, whose types TensorFlow.js does not accept. Keep large host
 * arrays out of the result: it is searched for tensors value by value.
 */
export function tidyResult<T extends object>(work: () => T): T {
  return tidy(work as () => TensorContainer) as T;
}
