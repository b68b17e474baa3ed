import { requireShape } from '@latte-flow/core';
import { attention, embed, geluTanh, layerNorm, linear } from '@latte-flow/ops';
import type { ParameterScope } from '@latte-flow/runtime';
import {
  add,
  reshape,
  tensor2d,
  tidy,
  transpose,
  type Tensor,
  type Tensor2D,
  type Tensor3D,
  type Tensor4D,
} from '@tensorflow/tfjs-core';

import type { VisionOutput } from '../adapter/vlm-adapter.ts';
import { tidyResult } from '../language-model/tidy-result.ts';
import type { Idefics3Config, Idefics3VisionConfig } from './idefics3-config.ts';
import { tilePositionIds } from './position-ids.ts';

/** `[tiles, N, D]` -> `[tiles, N, D]`: full attention inside each tile. */
function tileAttention(x: Tensor3D, scope: ParameterScope, { numHeads, hiddenSize }: Idefics3VisionConfig): Tensor {
  const [tiles, length] = x.shape;
  const heads = (name: string): Tensor4D =>
    transpose(
      reshape(linear(x, scope.get(`${name}.weight`), scope.get(`${name}.bias`)), [
        tiles,
        length,
        numHeads,
        hiddenSize / numHeads,
      ]),
      [0, 2, 1, 3],
    ); // [tiles, H, N, E]
  const { output } = attention({ query: heads('q_proj'), key: heads('k_proj'), value: heads('v_proj') });
  const joined = reshape(transpose(output, [0, 2, 1, 3]), [tiles, length, hiddenSize]);
  return linear(joined, scope.get('out_proj.weight'), scope.get('out_proj.bias'));
}

function runEncoderLayer(x: Tensor3D, scope: ParameterScope, config: Idefics3VisionConfig): Tensor3D {
  const normed = (input: Tensor, name: string): Tensor3D =>
    layerNorm(input, scope.get(`${name}.weight`), scope.get(`${name}.bias`), config.layerNormEps) as Tensor3D;
  const project = (input: Tensor, name: string): Tensor =>
    linear(input, scope.get(`${name}.weight`), scope.get(`${name}.bias`));
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

/**
 * The vision tower and connector of Idefics3. `patches` float32 `[tiles * n², patch values]` holds tile after tile in
 * raster order, `n` = `edge`; `scope` is `model`. Patches see only those of their own tile. Differentiable; the caller
 * owns the result.
 * @throws LatteFlowError `shape-mismatch` if patches and tiles disagree
 */
export function runTileTower(
  scope: ParameterScope,
  { vision, scaleFactor }: Pick<Idefics3Config, 'vision' | 'scaleFactor'>,
  input: {
    readonly patches: Tensor2D;
    readonly tiles: number;
    readonly edge: number;
    readonly hiddenStates?: boolean;
  },
): TileVisionOutput {
  const { hiddenSize, depth, patchSize, imageSize, inChannels, layerNormEps } = vision;
  const { patches, tiles, edge } = input;
  const patchValues = inChannels * patchSize ** 2;
  requireShape('runTileTower', 'patches', patches.shape, [tiles * edge ** 2, patchValues]);
  return tidyResult(() => {
    const tower = scope.scope('vision_model');
    const embeddings = tower.scope('embeddings');
    const kernel = reshape(embeddings.get('patch_embedding.weight'), [hiddenSize, patchValues]);
    const places = tilePositionIds(edge, Math.floor(imageSize / patchSize));
    const embedded = tidy(() => {
      const rows = linear(patches, kernel, embeddings.get('patch_embedding.bias'));
      const positions = embed(
        tensor2d(places, [1, places.length], 'int32'),
        embeddings.get('position_embedding.weight'),
      ); // [1, n², D]
      return add(reshape(rows, [tiles, edge ** 2, hiddenSize]), positions) as Tensor3D;
    });
    const hiddenStates: Tensor3D[] = [];
    const wanted = input.hiddenStates === true;
    let x = embedded;
    for (let i = 0; i < depth; i++) {
      const previous = x;
      x = tidy(() => runEncoderLayer(previous, tower.scope(`encoder.layers.${i}`), vision));
      if (wanted) hiddenStates.push(x);
      else previous.dispose();
    }
    const norm = tower.scope('post_layernorm');
    const normed = layerNorm(x, norm.get('weight'), norm.get('bias'), layerNormEps) as Tensor3D;
    const connector = scope.get('connector.modality_projection.proj.weight');
    const features = linear(shufflePixels(normed, edge, scaleFactor), connector) as Tensor2D;
    return { features, hiddenStates, ...(wanted ? { ends: { embedded, normed } } : {}) };
  });
}
