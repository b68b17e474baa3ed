import { requireShape } from '@latte-flow/core';
import type { Tensor } from '@tensorflow/tfjs-core';

import { kernelOr } from '../kernel/selection.ts';
import { withGradient } from '../with-gradient.ts';
import { swigluGradient } from './gradient.ts';
import { swigluPortable } from './portable.ts';
import { swigluWebGPU } from './webgpu.ts';

/**
 * silu(gate) * up, the gated unit between the projections of a SwiGLU feed-forward.
 *
 * @param gate `[..., I]` float32, borrowed
 * @param up `[..., I]`
 * @returns `[..., I]`, owned by the caller
 * @throws LatteFlowError `shape-mismatch`
 */
export function swiglu(gate: Tensor, up: Tensor): Tensor {
  requireShape('swiglu', 'up', up.shape, gate.shape);
  return withGradient(
    [gate, up],
    (gate_, up_) =>
      kernelOr(
        [gate_],
        () => swigluWebGPU(gate_, up_),
        () => swigluPortable(gate_, up_),
      ),
    swigluGradient,
  );
}
