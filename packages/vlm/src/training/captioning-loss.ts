import { refuseArgument } from '@latte-flow/core';
import { softmaxCrossEntropy } from '@latte-flow/ops';
import type { ParameterScope } from '@latte-flow/runtime';
import { reshape, slice, tensor1d, tidy, type Scalar, type Tensor1D, type Tensor3D } from '@tensorflow/tfjs-core';

import type { VisionLanguageConfig } from '../adapter/vlm-adapter.ts';
import { decoderParameters, embedInputs, projectToVocabulary } from '../forward/forward.ts';
import { disposeInputs, uploadInputs, type InputTensors } from '../forward/input-tensors.ts';
import { runDecoder } from '../language-model/decoder.ts';
import type { CaptionBatch } from './caption-batch.ts';

/** A batch on the device, for one gradient; `disposeCaptionTensors` after it. */
export interface CaptionTensors {
  readonly inputs: InputTensors;
  /** The tokens whose hidden states are turned into logits: from the first that predicts a label to the last. */
  readonly predictors: { readonly start: number; readonly length: number };
  /** int32 `[B * length]`: the token after each predictor. */
  readonly labels: Tensor1D;
  /** float32 `[B * length]`: 1 where it is to be learned, else 0. */
  readonly weights: Tensor1D;
}

/** The columns that predict a label in any sample. */
function predictorSpan({ inputs, labelMask }: CaptionBatch): { start: number; length: number } {
  let first = inputs.length;
  let last = 0;
  labelMask.forEach((label, i) => {
    const column = i % inputs.length;
    if (label === 0 || column === 0) return;
    first = Math.min(first, column - 1);
    last = Math.max(last, column - 1);
  });
  if (first <= last && first < inputs.length) return { start: first, length: last - first + 1 };
  return refuseArgument({
    where: 'uploadCaptionBatch',
    expected: 'a batch with tokens to learn',
    got: 'a label mask that is 0 everywhere',
    remedy: 'Give every sample a caption.',
  });
}

/**
 * Brings a batch to the device, with all that a gradient needs and that does not depend on the parameters.
 * @throws LatteFlowError `invalid-argument` if there is nothing to learn, or as `uploadInputs`
 */
export function uploadCaptionBatch(config: VisionLanguageConfig, batch: CaptionBatch): CaptionTensors {
  const predictors = predictorSpan(batch);
  const { ids, length, batch: samples } = batch.inputs;
  const labels = new Int32Array(samples * predictors.length);
  const weights = new Float32Array(samples * predictors.length);
  for (let sample = 0; sample < samples; sample++) {
    const from = sample * length + predictors.start + 1;
    labels.set(ids.subarray(from, from + predictors.length), sample * predictors.length);
    weights.set(batch.labelMask.subarray(from, from + predictors.length), sample * predictors.length);
  }
  const inputs = uploadInputs(config, batch.inputs);
  return { inputs, predictors, labels: tensor1d(labels, 'int32'), weights: tensor1d(weights) };
}

/** Disposes of what `uploadCaptionBatch` made. */
export function disposeCaptionTensors({ inputs, labels, weights }: CaptionTensors): void {
  disposeInputs(inputs);
  labels.dispose();
  weights.dispose();
}

/**
 * Mean cross-entropy of the caption tokens of a batch, a scalar owned by the caller: one pass over all images, one
 * over all texts, and logits only where a label stands. Call it inside `variableGrads`; the batch must outlive that.
 */
export function captioningLoss(
  parameters: ParameterScope,
  config: VisionLanguageConfig,
  batch: CaptionTensors,
): Scalar {
  const { inputs, predictors, labels, weights } = batch;
  return tidy(() => {
    const embeddings = embedInputs(parameters, config, inputs);
    const { rope, visibility } = inputs;
    const { hidden } = runDecoder(decoderParameters(parameters, config), config.text, { embeddings, rope, visibility });
    const [samples, , width] = hidden.shape;
    const rows = slice(hidden, [0, predictors.start, 0], [samples, predictors.length, width]);
    const logits = projectToVocabulary(parameters, config, rows as Tensor3D);
    return softmaxCrossEntropy(reshape(logits, [samples * predictors.length, config.text.vocabSize]), labels, weights);
  });
}
