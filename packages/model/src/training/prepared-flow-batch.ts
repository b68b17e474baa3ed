import { requireShape } from '@latte-flow/core';
import { meanSquaredError, type RopeTables } from '@latte-flow/ops';
import type { ParameterScope } from '@latte-flow/runtime';
import { add, dispose, mul, sub, tensor, tidy, type Scalar, type Tensor } from '@tensorflow/tfjs-core';

import { layersPerGroup, type LatteFlowConfig } from '../config/latte-flow-config.ts';
import { requireContextLayers, type PromptContext } from '../generation-stream/context.ts';
import { viewAfter } from '../generation-stream/latent-view.ts';
import { contextEndRope } from '../generation-stream/positions.ts';
import { timeFeatures } from '../generation-stream/time-embedding.ts';
import { requireLatents, runGroup } from '../generation-stream/velocity.ts';

/** A batch of flow matching of which all that changes from one to the next is on the device: its loss can be captured. */
export interface PreparedFlowBatch {
  /** x1 and x0, `[B, C, S, S]`. */
  readonly data: Tensor;
  readonly noise: Tensor;
  /** t of each member, `[B, 1, 1, 1]`. */
  readonly time: Tensor;
  /** `timeFeatures` of the times, `[B, F]`. */
  readonly features: Tensor;
  /** `[B, T]` bool or int32, true = visible. */
  readonly mask: Tensor;
  /** Rotations by the positions where the contexts end, `[B, 1, E]` each. */
  readonly start: RopeTables;
  readonly group: number;
}

export interface FlowBatchParts extends Pick<PreparedFlowBatch, 'data' | 'noise' | 'mask' | 'group'> {
  /** t of each member, `[B]`, all inside the group's interval. */
  readonly times: ArrayLike<number>;
  /** 1 + the largest position among each row's visible tokens, `[B]`. */
  readonly ends: ArrayLike<number>;
}

/**
 * Brings what is on the host of a batch to the device. The tensors that it is given are in the result as they are; the others are
 * the caller's: `disposePreparedFlowBatch` disposes of all of them.
 * @throws LatteFlowError `shape-mismatch`, `invalid-argument` (a time outside [0, 1], an unknown group)
 */
export function prepareFlowBatch(
  { data, noise, mask, times, ends, group }: FlowBatchParts,
  config: LatteFlowConfig,
): PreparedFlowBatch {
  const where = 'flowMatchingLoss';
  const batch = requireLatents(where, { latents: data, times, group }, config);
  requireShape(where, 'noise', noise.shape, data.shape);
  requireShape(where, 'context.mask', mask.shape, [batch, 'T']);
  requireShape(where, 'context.end', [ends.length], [batch]);
  return {
    data,
    noise,
    time: tensor(Float32Array.from(times), [batch, 1, 1, 1]),
    features: timeFeatures(times, config.timeFrequencyDim),
    mask,
    start: contextEndRope(config, ends),
    group,
  };
}

export function disposePreparedFlowBatch({ group: _group, start, ...tensors }: PreparedFlowBatch): void {
  dispose([...Object.values(tensors), start.cos, start.sin]);
}

/** What `preparedFlowLoss` runs. */
export interface FlowModel {
  /** The backbone's keys and values, layer by layer. Borrowed. */
  readonly layers: PromptContext['layers'];
  readonly parameters: ParameterScope;
  readonly config: LatteFlowConfig;
}

/** x_t = t x1 + (1 - t) x0; owned by the caller. */
function interpolate({ data, noise, time }: PreparedFlowBatch): Tensor {
  return tidy(() => add(mul(time, data), mul(sub(1, time), noise)));
}

/**
 * `flowMatchingLoss` of a prepared batch, by device work alone.
 * @throws LatteFlowError `shape-mismatch`, or `checkpoint-mismatch` if a parameter is missing
 */
export function preparedFlowLoss(batch: PreparedFlowBatch, { layers, parameters, config }: FlowModel): Scalar {
  const { data, noise, features, mask, start, group } = batch;
  const expected = { batch: data.shape[0]!, layers: (group + 1) * layersPerGroup(config), config };
  requireContextLayers('flowMatchingLoss', { layers, mask }, expected);
  return tidy(() => {
    const view = viewAfter(config, { mask, start });
    const latents = interpolate(batch);
    const { velocity } = runGroup({ latents, features, context: { layers }, view, group }, parameters, config);
    return meanSquaredError(velocity, sub(data, noise));
  });
}
