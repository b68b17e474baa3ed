import type { Shape } from '@latte-flow/core';
import type { ParameterScope } from '@latte-flow/runtime';
import type { Tensor, Tensor2D } from '@tensorflow/tfjs-core';

import type { JsonObject } from '../config/json-fields.ts';
import type { PaddedIds } from '../forward/model-inputs.ts';
import type { PatchGrid, PixelNormalisation } from '../image/patchify.ts';
import type { ProcessedImages } from '../image/image-processor.ts';
import type { RgbImage } from '../image/rgb-image.ts';
import type { DecoderConfig } from '../language-model/decoder-config.ts';
import type { TokenPositions } from '../language-model/positions.ts';
import type { TextTokenizer } from '../text/tokenizer.ts';

/** What every architecture's configuration says; each adds its own vision side. Plain data. */
export interface VisionLanguageConfig {
  /** `model_type` of `config.json`; names the adapter. */
  readonly modelType: string;
  /** The language model: all that a generation stream over its cache needs to know. */
  readonly text: DecoderConfig;
  /** The token in whose places image features are laid. */
  readonly imageTokenId: number;
  readonly bosTokenId: number;
  readonly eosTokenId: number;
}

/** Images on the device, without what depends on the parameters. An adapter may add tensors of its own. */
export interface VisionInput {
  /** float32 `[patches, patch values]` */
  readonly patches: Tensor2D;
}

export interface VisionOutput {
  /** float32 `[tokens, hiddenSize]`: one row for each image token, image after image. */
  readonly features: Tensor2D;
  /** The output of every block of the vision tower, in the order of the patches, where asked for. */
  readonly hiddenStates: readonly Tensor[];
}

/**
 * One architecture: how its files read and what its vision side computes. Decoder, key/value cache, logits, decoding
 * and training are shared by all (`forward/`), so an adapter holds no state: every method is a pure function, and its
 * tensors are the caller's.
 */
export interface VlmAdapter<
  Config extends VisionLanguageConfig = VisionLanguageConfig,
  Processor extends PixelNormalisation = PixelNormalisation,
  Images extends VisionInput = VisionInput,
> {
  /** The `model_type`s of `config.json` that it reads. */
  readonly modelTypes: readonly string[];
  /** Canonical prefix of the decoder's parameters: `{decoderPrefix}.embed_tokens.weight`, `.layers.0…`, `.norm.weight`. */
  readonly decoderPrefix: string;
  /** Prefixes that files in the wild use, and the canonical spelling of each. The first that matches counts. */
  readonly spellings: readonly (readonly [string, string])[];
  /** Jinja chat template for checkpoints whose tokenizer brings none. */
  readonly chatTemplate: string;

  /** @throws LatteFlowError `checkpoint-invalid` for a missing, wrong or contradicting field, naming it */
  parseConfig(json: JsonObject): Config;
  /** The `config.json` of a configuration, which `parseConfig` reads back. */
  configToJson(config: Config): JsonObject;
  /** Canonical names and shapes of all parameters: what a checkpoint must hold, no more and no less. */
  parameterShapes(config: Config): ReadonlyMap<string, Shape>;

  /**
   * Reads `preprocessor_config.json`; `{}` where a checkpoint has none.
   * @throws LatteFlowError `checkpoint-invalid`, or `checkpoint-mismatch` if it does not fit the configuration
   */
  parseImageProcessor(json: JsonObject, config: Config): Processor;
  /** An image as the model sees it: resized, and cut into tiles where the architecture does so. */
  resizeImage(image: RgbImage, processor: Processor): readonly RgbImage[];
  /** Resizes, normalises and patchifies images. */
  processImages(images: readonly RgbImage[], processor: Processor): ProcessedImages;
  /** Number of values of one row of patches. */
  patchValues(config: Config): number;
  /** Number of image tokens, and so of feature rows, of one image. */
  imageTokens(grid: PatchGrid, config: Config): number;
  /** The ids that stand for one image in the prompt, where the chat template puts its one placeholder. */
  imagePrompt(
    grid: PatchGrid,
    tools: { readonly config: Config; readonly tokenizer: Pick<TextTokenizer, 'encode'> },
  ): readonly number[];

  /**
   * RoPE positions of a padded prompt: one axis, or three where `text.mropeSection` is given. Decoding goes on at
   * `end` on all axes.
   * @throws LatteFlowError `invalid-argument` if image tokens and grids do not match
   */
  positions(inputs: PaddedIds & { readonly grids: readonly PatchGrid[] }, config: Config): TokenPositions;

  /** Brings images to the device. */
  uploadImages(
    images: { readonly patches: Float32Array; readonly grids: readonly PatchGrid[] },
    config: Config,
  ): Images;
  /** Vision tower and projection into the language model, over all `parameters`. Differentiable. */
  imageFeatures(
    parameters: ParameterScope,
    config: Config,
    options: { readonly images: Images; readonly hiddenStates?: boolean },
  ): VisionOutput;
}
