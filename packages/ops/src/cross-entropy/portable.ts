import {
  add,
  div,
  exp,
  expandDims,
  log,
  max,
  maximum,
  mul,
  reshape,
  softmax,
  sub,
  sum,
  tidy,
  type Scalar,
  type Tensor,
  type Tensor1D,
  type Tensor2D,
} from '@tensorflow/tfjs-core';

import { oneHotRows } from '../one-hot/index.ts';

/** -log softmax(logits)[label] for each row: [M, V], [M] -> [M]. */
function negativeLogLikelihood(logits: Tensor2D, labels: Tensor1D): Tensor1D {
  const top = max(logits, 1, true); // [M, 1]
  const logTotal = add(log(sum(exp(sub(logits, top)), 1, true)), top);
  const chosen = sum(mul(logits, oneHotRows(labels, logits.shape[1])), 1, true);
  return reshape(sub(logTotal, chosen), [-1]);
}

/** The share of each row in the mean, [M]: weight / sum of weights, 0 if nothing is weighted. */
function shares(weights: Tensor1D): Tensor1D {
  return div(weights, maximum(sum(weights), 1e-12));
}

export function crossEntropyPortable(logits: Tensor2D, labels: Tensor1D, weights: Tensor1D): Scalar {
  return tidy(() => sum(mul(negativeLogLikelihood(logits, labels), shares(weights))));
}

/** dy [], logits [M, V], labels and weights [M] -> dlogits = (softmax - one-hot) share dy. */
export function crossEntropyGradientPortable(
  dy: Tensor,
  logits: Tensor2D,
  labels: Tensor1D,
  weights: Tensor1D,
): Tensor2D {
  const error = sub(softmax(logits), oneHotRows(labels, logits.shape[1])); // [M, V]
  return mul(error, expandDims(mul(shares(weights), dy), 1));
}
