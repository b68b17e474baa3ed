import { requireShape } from '@latte-flow/core';
import type { ParameterScope } from '@latte-flow/runtime';
import { tidy, type Scalar, type Tensor } from '@tensorflow/tfjs-core';

import type { LatteFlowConfig } from '../config/latte-flow-config.ts';
import type { PromptContext } from '../generation-stream/context.ts';
import { preparedFlowLoss, prepareFlowBatch } from './prepared-flow-batch.ts';

export interface FlowBatch {
  /** x1, `[B, C, S, S]` float32. All tensors are borrowed. */
  readonly data: Tensor;
  /** x0, `[B, C, S, S]`: standard normals. */
  readonly noise: Tensor;
  /** t of each member, `[B]`, all inside the group's interval. */
  readonly times: ArrayLike<number>;
  /** The backbone's keys and values; constants, no gradient reaches them through this loss's parameters. */
  readonly context: PromptContext;
  /** The group that the times belong to: the loss goes through its layers alone. */
  readonly group: number;
}

/**
 * The layerwise flow-matching loss of one group: mean over everything of (v(x_t, t) - (x1 - x0))^2. Call it inside
 * `variableGrads`; a scalar owned by the caller.
 *
 * @throws LatteFlowError as `predictVelocity`
 * @see arXiv 2506.06952, layerwise timestep experts; `train.loss` of the reference fixtures
 */
export function flowMatchingLoss(batch: FlowBatch, parameters: ParameterScope, config: LatteFlowConfig): Scalar {
  const { data, noise, context } = batch;
  requireShape('flowMatchingLoss', 'noise', noise.shape, data.shape);
  return tidy(() => {
    const prepared = prepareFlowBatch({ ...batch, mask: context.mask, ends: context.end }, config);
    return preparedFlowLoss(prepared, { layers: context.layers, parameters, config });
  });
}
