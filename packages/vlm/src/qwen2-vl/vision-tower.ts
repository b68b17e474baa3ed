import { requireShape } from '@latte-flow/core';
import { applyRope, attention, gelu, layerNorm, linear, quickGelu } from '@latte-flow/ops';
import type { ParameterScope } from '@latte-flow/runtime';
import {
  add,
  concat,
  reshape,
  slice,
  split,
  tidy,
  transpose,
  type Tensor,
  type Tensor2D,
  type Tensor4D,
} from '@tensorflow/tfjs-core';

import type { VisionOutput } from '../adapter/vlm-adapter.ts';
import type { FrameRun } from './frame-runs.ts';
import type { Qwen2VLVisionConfig } from './qwen2-vl-config.ts';

const LAYER_NORM_EPS = 1e-6;

/** Full attention inside each frame. `qkv` is `[N, 3 * D]`, the result `[N, D]`. */
function frameAttention(
  qkv: Tensor2D,
  { frames, length, start, rope }: FrameRun,
  { numHeads, embedDim }: Qwen2VLVisionConfig,
): Tensor2D {
  const headDim = embedDim / numHeads;
  const rows = frames * length;
  const own = rows === qkv.shape[0] ? qkv : slice(qkv, [start, 0], [rows, 3 * embedDim]);
  const [query, key, value] = split(own, 3, 1).map((part) =>
    transpose(reshape(part, [frames, length, numHeads, headDim]), [0, 2, 1, 3]),
  ) as [Tensor4D, Tensor4D, Tensor4D]; // [frames, H, length, E]
  const { output } = attention({
    query: applyRope(query, rope) as Tensor4D,
    key: applyRope(key, rope) as Tensor4D,
    value,
  });
  return reshape(transpose(output, [0, 2, 1, 3]), [rows, embedDim]);
}

function runBlock(
  x: Tensor2D,
  scope: ParameterScope,
  { runs, config }: { runs: readonly FrameRun[]; config: Qwen2VLVisionConfig },
): Tensor2D {
  const normed = (input: Tensor, name: string): Tensor =>
    layerNorm(input, scope.get(`${name}.weight`), scope.get(`${name}.bias`), LAYER_NORM_EPS);
  const project = (input: Tensor, name: string): Tensor =>
    linear(input, scope.get(`${name}.weight`), scope.get(`${name}.bias`));
  const qkv = project(normed(x, 'norm1'), 'attn.qkv') as Tensor2D;
  const parts = runs.map((run) => frameAttention(qkv, run, config));
  const attended = add(x, project(parts.length === 1 ? parts[0]! : concat(parts, 0), 'attn.proj'));
  return add(attended, project(quickGelu(project(normed(attended, 'norm2'), 'mlp.fc1')), 'mlp.fc2')) as Tensor2D;
}

/** Number of values of one patch row. */
export function patchValues({ inChannels, temporalPatchSize, patchSize }: Qwen2VLVisionConfig): number {
  return inChannels * temporalPatchSize * patchSize ** 2;
}

/**
 * Qwen2-VL's vision tower and merger. `patches` float32 `[N, patch values]` holds the images one after the other, in the
 * order of `patchifyImage`, `runs` (from `frameRuns`) says how; `scope` is `visual`. Patches see only those of their own
 * frame; neighbouring images of one size run as one batch. Differentiable; the caller owns the result.
 * @throws LatteFlowError `shape-mismatch` if patches and runs disagree
 */
export function runVisionTower(
  scope: ParameterScope,
  config: Qwen2VLVisionConfig,
  input: {
    readonly patches: Tensor2D;
    readonly runs: readonly FrameRun[];
    readonly hiddenStates?: boolean | undefined;
  },
): VisionOutput {
  const { embedDim, spatialMergeSize, depth } = config;
  const values = patchValues(config);
  const { runs } = input;
  const count = runs.reduce((total, { frames, length }) => total + frames * length, 0);
  requireShape('runVisionTower', 'patches', input.patches.shape, [count, values]);
  return tidy(() => {
    const embedding = reshape(scope.get('patch_embed.proj.weight'), [embedDim, values]);
    let x = linear(input.patches, embedding as Tensor2D) as Tensor2D;
    const hiddenStates: Tensor2D[] = [];
    for (let i = 0; i < depth; i++) {
      const previous = x;
      x = tidy(() => runBlock(previous, scope.scope(`blocks.${i}`), { runs, config }));
      if (input.hiddenStates === true) hiddenStates.push(x);
      else previous.dispose();
    }
    const merger = scope.scope('merger');
    const normed = layerNorm(x, merger.get('ln_q.weight'), merger.get('ln_q.bias'), LAYER_NORM_EPS);
    const blocks = reshape(normed, [count / spatialMergeSize ** 2, embedDim * spatialMergeSize ** 2]);
    const inner = gelu(linear(blocks, merger.get('mlp.0.weight'), merger.get('mlp.0.bias')));
    return { features: linear(inner, merger.get('mlp.2.weight'), merger.get('mlp.2.bias')) as Tensor2D, hiddenStates };
  });
}
