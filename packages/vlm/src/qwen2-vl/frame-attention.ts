import { attention, gelu, joinHeads, linear, splitHeads } from '@latte-flow/ops';
import type { ParameterScope } from '@latte-flow/runtime';
import { concat, reshape, slice, split, type Tensor, type Tensor2D, type Tensor3D } from '@tensorflow/tfjs-core';

import type { FrameRun } from './frame-runs.ts';
import type { QwenVisionConfig } from './qwen-config.ts';

function runAttention(qkv: Tensor2D, run: FrameRun, { numHeads, embedDim }: QwenVisionConfig): Tensor2D {
  const { frames, length, start, groups } = run;
  const rows = frames * length;
  const own = rows === qkv.shape[0] ? qkv : slice(qkv, [start, 0], [rows, 3 * embedDim]);
  const byFrame = reshape(own, [frames, length, 3 * embedDim]);
  const parts = groups.map(({ start: first, count, length: size, rope }) => {
    const patches = count * size;
    const group = patches === length ? byFrame : slice(byFrame, [0, first, 0], [frames, patches, 3 * embedDim]);
    const segments = reshape(group, [frames * count, size, 3 * embedDim]);
    const [query, key, value] = split(segments, 3, 2) as [Tensor, Tensor, Tensor];
    const { output } = attention({
      query: splitHeads(query, numHeads, rope), // [segments, H, size, E]
      key: splitHeads(key, numHeads, rope),
      value: splitHeads(value, numHeads),
    });
    return reshape(joinHeads(output), [frames, patches, embedDim]) as Tensor3D;
  });
  return reshape(parts.length === 1 ? parts[0]! : concat(parts, 1), [rows, embedDim]);
}

/** Full attention inside each segment of each frame. `qkv` is `[N, 3 * D]`, the result `[N, D]`, the caller's. */
export function frameAttention(qkv: Tensor2D, runs: readonly FrameRun[], config: QwenVisionConfig): Tensor2D {
  const parts = runs.map((run) => runAttention(qkv, run, config));
  return parts.length === 1 ? parts[0]! : concat(parts, 0);
}

/** The merger after its norm: `[N, D]` -> `[N / mergeSize², hiddenSize]`; blocks of patches are neighbours. */
export function mergePatches(normed: Tensor2D, merger: ParameterScope, config: QwenVisionConfig): Tensor2D {
  const block = config.spatialMergeSize ** 2;
  const blocks = reshape(normed, [normed.shape[0] / block, config.embedDim * block]);
  const inner = gelu(linear(blocks, merger.weight('mlp.0.weight'), merger.get('mlp.0.bias')));
  return linear(inner, merger.weight('mlp.2.weight'), merger.get('mlp.2.bias')) as Tensor2D;
}
