import { LatteFlowError, refuseArgument } from '@latte-flow/core';
import { tensor2d } from '@tensorflow/tfjs-core';

import type { VisionInput, VlmAdapter } from '../adapter/vlm-adapter.ts';
import { imageTokenCount, type PatchGrid } from '../image/patchify.ts';
import { linearPositions } from '../language-model/positions.ts';
import { idefics3ConfigToJson, parseIdefics3Config, type Idefics3Config } from './idefics3-config.ts';
import { imagePrompt } from './image-prompt.ts';
import { cutIntoTiles } from './image-tiles.ts';
import { idefics3ParameterShapes } from './parameter-shapes.ts';
import { tokensPerTile } from './tile-patches.ts';
import { processTiledImages } from './tile-pixels.ts';
import { parseTileProcessorConfig, type TileProcessorConfig } from './tile-processor-config.ts';
import { runTileTower } from './vision-tower.ts';

/** Patches and how they form tiles: `tiles` of `edge` x `edge`. */
export interface TileInput extends VisionInput {
  readonly tiles: number;
  readonly edge: number;
}

/** The conversation format of SmolVLM. */
export const SMOLVLM_CHAT_TEMPLATE = [
  "{{ '<|im_start|>' }}{%- for message in messages -%}{{ message.role | capitalize }}",
  "{%- if message.content is not string and message.content[0].type == 'image' -%}{{ ':' }}",
  "{%- else -%}{{ ': ' }}{%- endif -%}",
  '{%- if message.content is string -%}{{ message.content }}{%- else -%}',
  "{%- for part in message.content -%}{%- if part.type == 'image' -%}{{ '<image>' }}",
  '{%- else -%}{{ part.text }}{%- endif -%}{%- endfor -%}{%- endif -%}',
  "{{ '<end_of_utterance>\\n' }}{%- endfor -%}{%- if add_generation_prompt -%}{{ 'Assistant:' }}{%- endif -%}",
].join('');

const patchValues = ({ vision }: Idefics3Config): number => vision.inChannels * vision.patchSize ** 2;

/** The patches along an edge, one number for all tiles of a batch. */
function commonEdge(grids: readonly PatchGrid[], { scaleFactor }: Idefics3Config): number {
  const edge = grids[0]?.rows ?? 0;
  for (const { rows, columns } of grids) {
    if (rows === edge && columns === edge && edge % scaleFactor === 0) continue;
    refuseArgument({
      where: 'uploadImages',
      expected: `square tiles of one size, their edge a multiple of ${scaleFactor} patches`,
      got: `${rows} x ${columns} patches`,
      remedy: 'Process all images of a batch with the processor of the model.',
      data: { rows, columns, scaleFactor },
    });
  }
  return edge;
}

/** Idefics3 and SmolVLM: images cut into tiles, a SigLIP tower over each, pixel shuffle, a Llama with plain RoPE. */
export const idefics3Adapter: VlmAdapter<Idefics3Config, TileProcessorConfig, TileInput> = {
  modelTypes: ['idefics3', 'smolvlm'],
  decoderPrefix: 'model.text_model',
  // Saved from the base model, without the head.
  spellings: ['text_model.', 'vision_model.', 'connector.'].map((prefix) => [prefix, `model.${prefix}`] as const),
  chatTemplate: SMOLVLM_CHAT_TEMPLATE,
  parseConfig: parseIdefics3Config,
  configToJson: idefics3ConfigToJson,
  parameterShapes: idefics3ParameterShapes,
  parseImageProcessor(json, config) {
    const processor = parseTileProcessorConfig(json, config.vision);
    tokensPerTile(config, processor.tileSize); // refuses tiles that do not divide into tokens
    return processor;
  },
  resizeImage: (image, processor) => cutIntoTiles(image, processor).tiles,
  processImages: processTiledImages,
  patchValues,
  imageTokens: (grid, { scaleFactor }) => imageTokenCount(grid, scaleFactor),
  imagePrompt(grid, { config, tokenizer }) {
    const perTile = imageTokenCount({ ...grid, frames: 1 }, config.scaleFactor);
    const ids = tokenizer.encode(imagePrompt(grid.tiles ?? { rows: 0, columns: 0 }, perTile));
    const [expected, got] = [imageTokenCount(grid, config.scaleFactor), ids.filter((id) => id === config.imageTokenId)];
    if (got.length === expected) return ids;
    throw new LatteFlowError('checkpoint-mismatch', {
      where: 'imagePrompt',
      expected: `a tokenizer that reads <image> as ${config.imageTokenId}, ${expected} times`,
      got: `${got.length} times`,
      remedy: 'Use the tokenizer of the checkpoint.',
      data: { expected, got: got.length },
    });
  },
  positions(inputs, config) {
    const { ids, mask, grids } = inputs;
    const expected = grids.reduce((total, grid) => total + imageTokenCount(grid, config.scaleFactor), 0);
    const got = ids.reduce((count, id, i) => count + Number(id === config.imageTokenId && mask[i] !== 0), 0);
    if (got === expected) return linearPositions(inputs);
    return refuseArgument({
      where: 'positions',
      expected: `${expected} image tokens, for the tiles of ${grids.length} images`,
      got: `${got}`,
      remedy: 'Expand every image placeholder to the prompt of its image.',
      data: { expected, got },
    });
  },
  uploadImages({ patches, grids }, config) {
    const edge = commonEdge(grids, config);
    const tiles = grids.reduce((total, { frames }) => total + frames, 0);
    return { patches: tensor2d(patches, [tiles * edge ** 2, patchValues(config)]), tiles, edge };
  },
  imageFeatures(parameters, config, { images, hiddenStates }) {
    const { ends, ...output } = runTileTower(parameters.scope('model'), config, { ...images, hiddenStates });
    ends?.embedded.dispose();
    ends?.normed.dispose();
    return output;
  },
};
