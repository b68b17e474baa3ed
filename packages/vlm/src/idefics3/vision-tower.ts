import { requireInteger, requireShape } from '@latte-flow/core';
import { attention, embed, geluTanh, joinHeads, layerNorm, linear, splitHeads } from '@latte-flow/ops';
import type { ParameterScope } from '@latte-flow/runtime';
import {
  add,
  concat,
  reshape,
  slice,
  tensor2d,
  tidy,
  transpose,
  type Tensor,
  type Tensor2D,
  type Tensor3D,
} from '@tensorflow/tfjs-core';

import type { VisionOutput } from '../adapter/vlm-adapter.ts';
import { tidyResult } from '../language-model/tidy-result.ts';
import type { Idefics3Config, Idefics3VisionConfig } from './idefics3-config.ts';
import { tilePositionIds } from './position-ids.ts';

/** `[tiles, N, D]` -> `[tiles, N, D]`: full attention inside each tile. */
function tileAttention(x: Tensor3D, scope: ParameterScope, { numHeads }: Idefics3VisionConfig): Tensor {
  const heads = (name: string): Tensor =>
    splitHeads(linear(x, scope.weight(`${name}.weight`), scope.get(`${name}.bias`)), numHeads); // [tiles, H, N, E]
  const { output } = attention({ query: heads('q_proj'), key: heads('k_proj'), value: heads('v_proj') });
  return linear(joinHeads(output), scope.weight('out_proj.weight'), scope.get('out_proj.bias'));
}

function runEncoderLayer(x: Tensor3D, scope: ParameterScope, config: Idefics3VisionConfig): Tensor3D {
  const normed = (input: Tensor, name: string): Tensor3D =>
    layerNorm(input, scope.get(`${name}.weight`), scope.get(`${name}.bias`), config.layerNormEps) as Tensor3D;
  const project = (input: Tensor, name: string): Tensor =>
    linear(input, scope.weight(`${name}.weight`), scope.get(`${name}.bias`));
  const attended = add(x, tileAttention(normed(x, 'layer_norm1'), scope.scope('self_attn'), config));
  return add(attended, project(geluTanh(project(normed(attended, 'layer_norm2'), 'mlp.fc1')), 'mlp.fc2')) as Tensor3D;
}

export interface TileVisionOutput extends VisionOutput {
  /** float32 `[tiles * tokensPerTile, hiddenSize of the text]`: the tokens of each tile in raster order. */
  readonly features: Tensor2D;
  /** Where asked for, the output of every layer, `[tiles, n², D]`. */
  readonly hiddenStates: readonly Tensor3D[];
  /** Beside them the embedded patches, which the first layer takes, and what the last norm gives. */
  readonly ends?: { readonly embedded: Tensor3D; readonly normed: Tensor3D };
}

/**
 * Joins `scale` x `scale` neighbouring patches into one row, its values in the order row, column, channel of the block.
 * `[tiles, n², D]` -> `[tiles * (n / scale)², scale² * D]`, rows in raster order; the "pixel shuffle" of Idefics3.
 */
export function shufflePixels(x: Tensor3D, edge: number, scale: number): Tensor2D {
  const [tiles, , width] = x.shape;
  const blocks = edge / scale;
  return tidy(() => {
    const rows = reshape(x, [tiles * blocks, scale, blocks, scale * width]);
    return reshape(transpose(rows, [0, 2, 1, 3]), [tiles * blocks ** 2, scale ** 2 * width]);
  });
}

interface TileRun {
  readonly patches: Tensor2D;
  readonly tiles: number;
  /** Patches along an edge of a tile. */
  readonly edge: number;
}

/** Some tiles from patches to tokens; `states` are the embedded patches, every layer's output and the last norm's. */
function runTiles(
  scope: ParameterScope,
  { vision, scaleFactor }: Pick<Idefics3Config, 'vision' | 'scaleFactor'>,
  { patches, tiles, edge, hiddenStates: wanted }: TileRun & { readonly hiddenStates: boolean },
): { features: Tensor2D; states: Tensor3D[] } {
  const { hiddenSize, depth, patchSize, imageSize, layerNormEps } = vision;
  return tidyResult(() => {
    const tower = scope.scope('vision_model');
    const states: Tensor3D[] = [];
    let x = tidy(() => {
      const embeddings = tower.scope('embeddings');
      const kernel = reshape(embeddings.get('patch_embedding.weight'), [hiddenSize, patches.shape[1]]);
      const rows = linear(patches, kernel, embeddings.get('patch_embedding.bias'));
      const places = tilePositionIds(edge, Math.floor(imageSize / patchSize));
      const positions = embed(
        tensor2d(places, [1, places.length], 'int32'),
        embeddings.weight('position_embedding.weight'),
      ); // [1, n², D]
      return add(reshape(rows, [tiles, edge ** 2, hiddenSize]), positions) as Tensor3D;
    });
    for (let i = 0; i < depth; i++) {
      const previous = x;
      x = tidy(() => runEncoderLayer(previous, tower.scope(`encoder.layers.${i}`), vision));
      if (wanted) states.push(previous);
      else previous.dispose();
    }
    const norm = tower.scope('post_layernorm');
    const normed = layerNorm(x, norm.get('weight'), norm.get('bias'), layerNormEps) as Tensor3D;
    if (wanted) states.push(x, normed);
    const connector = scope.weight('connector.modality_projection.proj.weight');
    return { features: linear(shufflePixels(normed, edge, scaleFactor), connector) as Tensor2D, states };
  });
}

/** Attention scores that the tiles of one run may have: 128 MiB of float32. */
const MOST_SCORES = 2 ** 25;

/** How many tiles of 1024 patches and the like go through the tower at once: all at once would need gigabytes. */
function tilesAtOnce({ numHeads }: Idefics3VisionConfig, edge: number): number {
  return Math.max(1, Math.floor(MOST_SCORES / (numHeads * edge ** 4)));
}

/**
 * The vision tower and connector of Idefics3. `patches` float32 `[tiles * n², patch values]` holds tile after tile in
 * raster order, `n` = `edge`; `scope` is `model`. Patches see only those of their own tile, so tiles go through in runs
 * of `atOnce`, by default as many as memory allows. Differentiable; the caller owns the result.
 * @throws LatteFlowError `shape-mismatch` if patches and tiles disagree
 */
export function runTileTower(
  scope: ParameterScope,
  config: Pick<Idefics3Config, 'vision' | 'scaleFactor'>,
  input: TileRun & { readonly hiddenStates?: boolean; readonly atOnce?: number },
): TileVisionOutput {
  const { inChannels, patchSize } = config.vision;
  const { patches, tiles, edge, hiddenStates = false, atOnce = tilesAtOnce(config.vision, edge) } = input;
  const values = inChannels * patchSize ** 2;
  requireShape('runTileTower', 'patches', patches.shape, [tiles * edge ** 2, values]);
  requireInteger('runTileTower', 'atOnce', atOnce, { min: 1 });
  return tidyResult(() => {
    const runs = Array.from({ length: Math.ceil(tiles / atOnce) }, (_, i) => {
      const count = Math.min(atOnce, tiles - i * atOnce);
      const rows = slice(patches, [i * atOnce * edge ** 2, 0], [count * edge ** 2, values]);
      return runTiles(scope, config, { patches: rows, tiles: count, edge, hiddenStates });
    });
    const joined = <T extends Tensor>(parts: T[]): T => (parts.length === 1 ? parts[0]! : (concat(parts, 0) as T));
    const features = joined(runs.map((run) => run.features));
    const states = runs[0]!.states.map((_, i) => joined(runs.map((run) => run.states[i]!)));
    const [embedded, normed] = [states.shift(), states.pop()];
    if (embedded === undefined || normed === undefined) return { features, hiddenStates: states };
    return { features, hiddenStates: states, ends: { embedded, normed } };
  });
}
