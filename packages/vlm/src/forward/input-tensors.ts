import { attentionVisibility, ropeTables, type RopeTables, type Visibility } from '@latte-flow/ops';
import { cast, dispose, tensor2d, tidy, type Tensor2D, type TensorContainer } from '@tensorflow/tfjs-core';

import { adapterOf } from '../adapter/registry.ts';
import type { VisionInput, VisionLanguageConfig } from '../adapter/vlm-adapter.ts';
import { tidyResult } from '../language-model/tidy-result.ts';
import { requireModelInputs, type ModelInputs } from './model-inputs.ts';

/** The text of a batch on the device. */
export interface TextTensors {
  /** int32 `[B, S]` */
  readonly ids: Tensor2D;
  /** bool `[B, S]`, true where visible. */
  readonly mask: Tensor2D;
  readonly rope: RopeTables;
  readonly visibility: Visibility;
}

/**
 * A batch on the device: everything about it that does not depend on the parameters. A gradient needs these tensors
 * until it is done, so training uploads them before it and disposes of them after.
 */
export interface InputTensors extends TextTensors {
  readonly inputs: ModelInputs;
  /** For each sample 1 + the largest position among its visible tokens. */
  readonly end: readonly number[];
  /** Patches and what the adapter adds to them; absent without images. */
  readonly images?: VisionInput;
}

/** A host mask as a bool tensor `[batch, length]`, owned by the caller. */
export function uploadMask({ mask, batch, length }: Pick<ModelInputs, 'mask' | 'batch' | 'length'>): Tensor2D {
  return tidy(() => cast(tensor2d(Int32Array.from(mask), [batch, length], 'int32'), 'bool'));
}

/**
 * Checks a batch and brings it to the device. The caller owns the tensors: `disposeInputs`, or an enclosing `tidy`.
 * @throws LatteFlowError `context-overflow`, or `invalid-argument` if image tokens and images do not match
 */
export function uploadInputs(config: VisionLanguageConfig, inputs: ModelInputs): InputTensors {
  const { text } = config;
  const adapter = adapterOf(config);
  requireModelInputs('uploadInputs', inputs, config);
  const { positions, end } = adapter.positions(inputs, config);
  const { ids, batch, length, patches, grids } = inputs;
  const tensors = tidyResult(() => {
    const mask = uploadMask(inputs);
    // Padding on the right alone needs no mask: a causal query never reads what comes after it.
    const isMasked = inputs.mask.some(
      (visible, i) => visible === 0 && i % length < length - 1 && inputs.mask[i + 1] !== 0,
    );
    return {
      ids: tensor2d(ids, [batch, length], 'int32'),
      mask,
      rope: ropeTables(positions, { headDim: text.headDim, theta: text.ropeTheta, sections: text.mropeSection }),
      visibility: attentionVisibility({ batch, tokens: length, causal: true, ...(isMasked ? { mask } : {}) }),
      ...(grids.length === 0 || patches === undefined
        ? {}
        : { images: adapter.uploadImages({ patches, grids }, config) }),
    };
  });
  return { ...tensors, inputs, end };
}

/** Disposes of what `uploadInputs` made. */
export function disposeInputs({ inputs: _inputs, end: _end, ...tensors }: InputTensors): void {
  dispose(tensors as unknown as TensorContainer);
}
