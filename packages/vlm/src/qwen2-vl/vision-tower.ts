import { requireShape } from '@latte-flow/core';
import { layerNorm, linear, quickGelu } from '@latte-flow/ops';
import type { ParameterScope } from '@latte-flow/runtime';
import { add, reshape, tidy, type Tensor, type Tensor2D } from '@tensorflow/tfjs-core';

import type { VisionInput, VisionOutput } from '../adapter/vlm-adapter.ts';
import { frameAttention, mergePatches } from './frame-attention.ts';
import type { FrameRun } from './frame-runs.ts';
import type { QwenVisionConfig } from './qwen-config.ts';

const LAYER_NORM_EPS = 1e-6;

/** Patches `[N, patch values]` and how they form frames. */
export interface FrameInput extends VisionInput {
  readonly runs: readonly FrameRun[];
}

function runBlock(
  x: Tensor2D,
  scope: ParameterScope,
  { runs, config }: { runs: readonly FrameRun[]; config: QwenVisionConfig },
): Tensor2D {
  const normed = (input: Tensor, name: string): Tensor =>
    layerNorm(input, scope.get(`${name}.weight`), scope.get(`${name}.bias`), LAYER_NORM_EPS);
  const project = (input: Tensor, name: string): Tensor =>
    linear(input, scope.weight(`${name}.weight`), scope.get(`${name}.bias`));
  const qkv = project(normed(x, 'norm1'), 'attn.qkv') as Tensor2D;
  const attended = add(x, project(frameAttention(qkv, runs, config), 'attn.proj'));
  return add(attended, project(quickGelu(project(normed(attended, 'norm2'), 'mlp.fc1')), 'mlp.fc2')) as Tensor2D;
}

/** Number of values of one patch row. */
export function patchValues({ inChannels, temporalPatchSize, patchSize }: QwenVisionConfig): number {
  return inChannels * temporalPatchSize * patchSize ** 2;
}

/** The convolution whose stride is its kernel: one product a patch, `[N, patch values]` -> `[N, D]`. */
export function embedPatches({ patches, runs }: FrameInput, scope: ParameterScope, config: QwenVisionConfig): Tensor2D {
  const values = patchValues(config);
  const count = runs.reduce((total, { frames, length }) => total + frames * length, 0);
  requireShape('runVisionTower', 'patches', patches.shape, [count, values]);
  const kernel = reshape(scope.get('patch_embed.proj.weight'), [config.embedDim, values]);
  return linear(patches, kernel as Tensor2D) as Tensor2D;
}

/**
 * Qwen2-VL's vision tower and merger. Patches hold the images one after the other, in the order of `patchifyImage`,
 * `runs` (from `frameRuns`) says how; `scope` is `visual`. Patches see only those of their own frame; neighbouring images
 * of one size run as one batch. Differentiable; the caller owns the result.
 * @throws LatteFlowError `shape-mismatch` if patches and runs disagree
 */
export function runVisionTower(
  scope: ParameterScope,
  config: QwenVisionConfig,
  { images, hiddenStates: wanted = false }: { readonly images: FrameInput; readonly hiddenStates?: boolean },
): VisionOutput {
  const { runs } = images;
  return tidy(() => {
    let x = embedPatches(images, scope, config);
    const hiddenStates: Tensor2D[] = [];
    for (let i = 0; i < config.depth; i++) {
      const previous = x;
      x = tidy(() => runBlock(previous, scope.scope(`blocks.${i}`), { runs, config }));
      if (wanted) hiddenStates.push(x);
      else previous.dispose();
    }
    const merger = scope.scope('merger');
    const normed = layerNorm(x, merger.get('ln_q.weight'), merger.get('ln_q.bias'), LAYER_NORM_EPS) as Tensor2D;
    return { features: mergePatches(normed, merger, config), hiddenStates };
  });
}
