import { requireShape } from '@latte-flow/core';
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
import { withGradient } from '../with-gradient.ts';

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

/**
 * Mean cross-entropy over the weighted rows: sum(w_i nll_i) / sum(w_i), 0 if all weights are 0.
 *
 * @param logits `[M, V]` float32, borrowed
 * @param labels `[M]` int32 in [0, V); any value where the weight is 0
 * @param weights `[M]` float32, not negative; no gradient reaches it
 * @returns a scalar, owned by the caller
 * @throws LatteFlowError `shape-mismatch`
 */
export function softmaxCrossEntropy(logits: Tensor, labels: Tensor, weights: Tensor): Scalar {
  const { M, V } = requireShape('softmaxCrossEntropy', 'logits', logits.shape, ['M', 'V']);
  requireShape('softmaxCrossEntropy', 'labels', labels.shape, [M!]);
  requireShape('softmaxCrossEntropy', 'weights', weights.shape, [M!]);
  const [labels_, weights_] = [labels as Tensor1D, weights as Tensor1D];
  return withGradient(
    [logits as Tensor2D],
    (logits_) => tidy(() => sum(mul(negativeLogLikelihood(logits_, labels_), shares(weights_)))),
    (dy, logits_, savedLabels, savedWeights) => {
      const error = sub(softmax(logits_), oneHotRows(savedLabels, V!)); // [M, V]
      return [mul(error, expandDims(mul(shares(savedWeights), dy), 1))];
    },
    [labels_, weights_],
  ) as Scalar;
}
