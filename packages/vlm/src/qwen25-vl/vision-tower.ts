import { linear, rmsNorm, swiglu } from '@latte-flow/ops';
import type { ParameterScope } from '@latte-flow/runtime';
import { add, customGrad, gather, reshape, tidy, type Tensor, type Tensor2D } from '@tensorflow/tfjs-core';

import type { VisionOutput } from '../adapter/vlm-adapter.ts';
import { frameAttention, mergePatches } from '../qwen2-vl/frame-attention.ts';
import type { FrameRun } from '../qwen2-vl/frame-runs.ts';
import { embedPatches } from '../qwen2-vl/vision-tower.ts';
import type { Qwen25VLVisionConfig } from './qwen25-vl-config.ts';
import type { WindowInput } from './window-input.ts';

const RMS_NORM_EPS = 1e-6;

function runBlock(
  x: Tensor2D,
  scope: ParameterScope,
  { runs, config }: { runs: readonly FrameRun[]; config: Qwen25VLVisionConfig },
): Tensor2D {
  const normed = (input: Tensor, name: string): Tensor => rmsNorm(input, scope.get(`${name}.weight`), RMS_NORM_EPS);
  const project = (input: Tensor, name: string): Tensor =>
    linear(input, scope.weight(`${name}.weight`), scope.get(`${name}.bias`));
  const qkv = project(normed(x, 'norm1'), 'attn.qkv') as Tensor2D;
  const attended = add(x, project(frameAttention(qkv, runs, config), 'attn.proj'));
  const inner = normed(attended, 'norm2');
  const gated = swiglu(project(inner, 'mlp.gate_proj'), project(inner, 'mlp.up_proj'));
  return add(attended, project(gated, 'mlp.down_proj')) as Tensor2D;
}

/**
 * Takes the rows back from the order of the windows, in blocks: `[N, D]` with N a multiple of the blocks' number.
 * A permutation's gradient is the inverse one; the gather's own has none on every backend.
 */
function restoreOrder(x: Tensor2D, { order, places }: WindowInput): Tensor2D {
  const [rows, width] = x.shape;
  const blocks = places.shape[0];
  const byBlock = reshape(x, [blocks, (rows / blocks) * width]);
  const restore = customGrad((input) => ({
    value: gather(input as Tensor, places),
    gradFunc: (dy: Tensor) => gather(dy, order),
  }));
  return reshape(restore(byBlock), [rows, width]);
}

/**
 * Qwen2.5-VL's vision tower and merger: patches attend inside windows, in some blocks inside their whole frame. `scope`
 * is `visual`. Features and hidden states come out in the order of `patchifyImage`. Differentiable; the caller owns the
 * result.
 * @throws LatteFlowError `shape-mismatch` if patches and runs disagree
 */
export function runWindowedTower(
  scope: ParameterScope,
  config: Qwen25VLVisionConfig,
  { images, hiddenStates: wanted = false }: { readonly images: WindowInput; readonly hiddenStates?: boolean },
): VisionOutput {
  return tidy(() => {
    let x = embedPatches({ patches: images.patches, runs: images.whole }, scope, config);
    const hiddenStates: Tensor2D[] = [];
    for (let i = 0; i < config.depth; i++) {
      const previous = x;
      const runs = config.fullAttentionBlocks.includes(i) ? images.whole : images.windows;
      x = tidy(() => runBlock(previous, scope.scope(`blocks.${i}`), { runs, config }));
      previous.dispose();
      if (wanted) hiddenStates.push(restoreOrder(x, images));
    }
    const merger = scope.scope('merger');
    const normed = rmsNorm(x, merger.get('ln_q.weight'), RMS_NORM_EPS) as Tensor2D;
    return { features: restoreOrder(mergePatches(normed, merger, config), images), hiddenStates };
  });
}
