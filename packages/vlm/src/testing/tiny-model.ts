import { uniformNoise } from '@latte-flow/core';
import { ParameterStore, type ParameterValues } from '@latte-flow/runtime';

import { initialiseParameters } from '../adapter/initialise-parameters.ts';
import { adapterOf } from '../adapter/registry.ts';
import type { VisionLanguageConfig, VlmAdapter } from '../adapter/vlm-adapter.ts';
import type { JsonObject } from '../config/json-fields.ts';
import { padIds, type ModelInputs } from '../forward/model-inputs.ts';
import type { PixelNormalisation } from '../image/patchify.ts';
import type { RgbImage } from '../image/rgb-image.ts';
import type { TextTokenizer } from '../text/tokenizer.ts';

/** What the conformance suite needs to know of an architecture: a model small enough for finite differences. */
export interface TinyModelFiles {
  /** `config.json` in the Hub's spelling, tied. Ids below 200 are text. */
  readonly config: JsonObject;
  /** Other spellings that mean the same. */
  readonly sameConfigs: readonly JsonObject[];
  /** `preprocessor_config.json`. */
  readonly preprocessor: JsonObject;
  readonly tokenizer: Pick<TextTokenizer, 'encode'>;
  /** Two sizes that become different numbers of image tokens. */
  readonly imageSizes: readonly [width: number, height: number][];
}

/** A part of a prompt: text by its ids, or the number of an image. */
export type PromptPart = readonly number[] | { readonly image: number };

/** A tiny model of one architecture. */
export class TinyModel {
  readonly adapter: VlmAdapter;
  readonly config: VisionLanguageConfig;
  readonly processor: PixelNormalisation;
  readonly images: readonly RgbImage[];
  readonly #tokenizer: Pick<TextTokenizer, 'encode'>;

  constructor(files: TinyModelFiles, change: JsonObject = {}) {
    const json = { ...files.config, ...change };
    this.adapter = adapterOf({ modelType: json['model_type'] });
    this.config = this.adapter.parseConfig(json);
    this.processor = this.adapter.parseImageProcessor(files.preprocessor, this.config);
    this.images = files.imageSizes.map(([width, height], i) => {
      const noise = uniformNoise(width * height * 3, { seed: 5, image: i });
      return { data: Uint8Array.from(noise, (x) => Math.floor(x * 256)), width, height };
    });
    this.#tokenizer = files.tokenizer;
  }

  /** Weights large enough that a wrong layout moves the logits far beyond rounding. */
  values(seed = 1): Map<string, ParameterValues> {
    const values = initialiseParameters(this.config, seed);
    let tensor = 0;
    for (const { values: data } of values.values()) {
      const noise = uniformNoise(data.length, { seed, image: 1000 + tensor++ });
      data.forEach((value, i) => (data[i] = value * 12 ** Number(value !== 1) + 0.2 * (noise[i]! - 0.5)));
    }
    return values;
  }

  upload(values = this.values()): ParameterStore {
    return ParameterStore.upload(values, { where: 'test', expected: this.adapter.parameterShapes(this.config) });
  }

  /** Ids of a prompt and its images. */
  prompt(parts: readonly PromptPart[]): { ids: number[]; images: RgbImage[] } {
    const { config, adapter, processor } = this;
    const images: RgbImage[] = [];
    const ids = parts.flatMap((part) => {
      if (!('image' in part)) return part;
      const image = this.images[part.image]!;
      images.push(image);
      const [grid] = adapter.processImages([image], processor).grids;
      return adapter.imagePrompt(grid!, { config, tokenizer: this.#tokenizer });
    });
    return { ids, images };
  }

  /** A padded batch of prompts. */
  inputs(
    prompts: readonly (readonly PromptPart[])[],
    options: { readonly side?: 'left' | 'right'; readonly multipleOf?: number } = {},
  ): ModelInputs {
    const { side = 'left', multipleOf = 1 } = options;
    const rendered = prompts.map((parts) => this.prompt(parts));
    const padded = padIds(
      rendered.map(({ ids }) => ids),
      { side, padTokenId: this.config.eosTokenId, multipleOf },
    );
    const images = rendered.flatMap((prompt) => prompt.images);
    if (images.length === 0) return { ...padded, grids: [] };
    return { ...padded, ...this.adapter.processImages(images, this.processor) };
  }
}
