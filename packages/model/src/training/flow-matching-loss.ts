import { requireShape } from '@latte-flow/core';
import { meanSquaredError } from '@latte-flow/ops';
import type { ParameterScope } from '@latte-flow/runtime';
import { add, mul, sub, tensor, tidy, type Scalar, type Tensor } from '@tensorflow/tfjs-core';

import type { LatteFlowConfig } from '../config/latte-flow-config.ts';
import type { PromptContext } from '../generation-stream/context.ts';
import { predictVelocity } from '../generation-stream/velocity.ts';

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

/** x_t = t x1 + (1 - t) x0 with one time a batch member; owned by the caller. */
function interpolateBatch(data: Tensor, noise: Tensor, times: ArrayLike<number>): Tensor {
  return tidy(() => {
    const t = tensor(Float32Array.from(times), [times.length, 1, 1, 1]);
    return add(mul(t, data), mul(sub(1, t), noise));
  });
}

/**
 * The layerwise flow-matching loss of one group: mean over everything of (v(x_t, t) - (x1 - x0))^2. Call it inside
 * `variableGrads`; a scalar owned by the caller.
 *
 * @throws LatteFlowError as `predictVelocity`
 * @see arXiv 2506.06952, layerwise timestep experts; `train.loss` of the reference fixtures
 */
export function flowMatchingLoss(batch: FlowBatch, parameters: ParameterScope, config: LatteFlowConfig): Scalar {
  const { data, noise, times, context, group } = batch;
  requireShape('flowMatchingLoss', 'noise', noise.shape, data.shape);
  return tidy(() => {
    const latents = interpolateBatch(data, noise, times);
    const velocity = predictVelocity({ latents, times, context, group }, parameters, config);
    return meanSquaredError(velocity, sub(data, noise));
  });
}
