import { LatteFlowError } from '@latte-flow/core';
import {
  add,
  concat,
  matMul,
  mul,
  reshape,
  slice,
  tensor2d,
  tidy,
  type Tensor,
  type Tensor2D,
  type Tensor3D,
} from '@tensorflow/tfjs-core';

import type { PaddedIds } from './model-inputs.ts';

/** Stretches of one sample that are image tokens, in order. */
function imageRuns(isImage: readonly boolean[]): { start: number; length: number }[] {
  const runs: { start: number; length: number }[] = [];
  isImage.forEach((image, i) => {
    if (!image) return;
    if (i > 0 && isImage[i - 1]) runs.at(-1)!.length++;
    else runs.push({ start: i, length: 1 });
  });
  return runs;
}

/** All samples have their image tokens at the same places: cut the text open and lay the features in. */
function insertRuns(
  embeddings: Tensor3D,
  features: Tensor3D,
  runs: readonly { start: number; length: number }[],
): Tensor3D {
  const [batch, length, width] = embeddings.shape;
  const parts: Tensor[] = [];
  let at = 0;
  let used = 0;
  for (const run of runs) {
    if (run.start > at) parts.push(slice(embeddings, [0, at, 0], [batch, run.start - at, width]));
    parts.push(slice(features, [0, used, 0], [batch, run.length, width]));
    at = run.start + run.length;
    used += run.length;
  }
  if (at < length) parts.push(slice(embeddings, [0, at, 0], [batch, length - at, width]));
  return concat(parts, 1) as Tensor3D;
}

/**
 * Replaces the embeddings of image tokens by image features, in order: the i-th image token of the batch takes the
 * i-th row. `embeddings` float32 `[B, S, D]`, `features` float32 `[F, D]`, result `[B, S, D]` owned by the caller.
 * Differentiable in both by slices where all samples agree on the places, else by one product with a one-hot matrix,
 * since gathers and scatters have no gradient on every backend.
 * @throws LatteFlowError `invalid-argument` if the number of image tokens is not F
 */
export function mergeImageFeatures(
  embeddings: Tensor3D,
  features: Tensor2D,
  { ids, mask, batch, length, imageTokenId }: PaddedIds & { readonly imageTokenId: number },
): Tensor3D {
  const isImage = Array.from({ length: batch }, (_, sample) =>
    Array.from({ length }, (_, i) => ids[sample * length + i] === imageTokenId && mask[sample * length + i] !== 0),
  );
  const places = isImage.flat().flatMap((image, i) => (image ? [i] : []));
  const [count, width] = features.shape;
  if (places.length !== count) {
    throw new LatteFlowError('invalid-argument', {
      where: 'mergeImageFeatures',
      expected: `${count} image tokens, one for each image feature`,
      got: `${places.length}`,
      remedy: 'Expand every image placeholder to rows * columns / mergeSize² tokens.',
      data: { tokens: places.length, features: count },
    });
  }
  const [first, ...others] = isImage as [boolean[], ...boolean[][]];
  const aligned = others.every((sample) => sample.every((image, i) => image === first[i]));
  return tidy(() => {
    if (aligned) return insertRuns(embeddings, reshape(features, [batch, count / batch, width]), imageRuns(first));
    const selection = new Float32Array(batch * length * count);
    const text = new Float32Array(batch * length).fill(1);
    places.forEach((place, feature) => {
      selection[place * count + feature] = 1;
      text[place] = 0;
    });
    const kept = mul(reshape(embeddings, [batch * length, width]), tensor2d(text, [batch * length, 1]));
    const placed = matMul(tensor2d(selection, [batch * length, count]), features);
    return reshape(add(kept, placed), [batch, length, width]);
  });
}
