import { elementCount, normalNoise, type Shape } from '@latte-flow/core';
import type { ParameterValues } from '@latte-flow/runtime';
import { tensor, tensor2d, type Tensor } from '@tensorflow/tfjs-core';

import type { LatteFlowConfig } from '../config/latte-flow-config.ts';
import { parseLatteFlowConfig } from '../config/parse-config.ts';
import type { PromptContext } from '../generation-stream/context.ts';
import { generationStreamShapes } from '../generation-stream/parameter-shapes.ts';

/** `config.json` of a stream of four layers in two groups over 2 x 4 x 4 latents. */
export const tinyJson = {
  hidden_size: 16,
  intermediate_size: 24,
  num_layers: 4,
  num_heads: 2,
  num_kv_heads: 1,
  rope_theta: 100,
  mrope_section: [1, 1, 2],
  latent_channels: 2,
  latent_size: 4,
  patch_size: 2,
  num_groups: 2,
  time_frequency_dim: 8,
};

export const tinyConfig: LatteFlowConfig = parseLatteFlowConfig(tinyJson);

/** Standard normals; each stream has numbers of its own. */
export function randomTensor(shape: Shape, stream: number): Tensor {
  return tensor(normalNoise(elementCount(shape), { seed: 11, image: stream }), [...shape]);
}

/** Parameters of which none is zero, so that every module has a say. */
export function randomParameters(config: LatteFlowConfig): Map<string, ParameterValues> {
  return new Map(
    [...generationStreamShapes(config)].map(([name, shape], i) => [
      name,
      { shape, values: normalNoise(elementCount(shape), { seed: 12, image: i }).map((value) => 0.3 * value) },
    ]),
  );
}

/** A context of one row for each list of visible (1) and hidden (0) tokens. */
export function randomContext(config: LatteFlowConfig, mask: number[][], stream: number): PromptContext {
  const tokens = mask[0]!.length;
  const shape = [mask.length, config.numKvHeads, tokens, config.headDim];
  return {
    layers: Array.from({ length: config.numLayers }, (_, layer) => ({
      key: randomTensor(shape, stream + 2 * layer),
      value: randomTensor(shape, stream + 2 * layer + 1),
    })),
    mask: tensor2d(mask, [mask.length, tokens], 'bool'),
    end: mask.map((row) => row.lastIndexOf(1) + 1),
  };
}
