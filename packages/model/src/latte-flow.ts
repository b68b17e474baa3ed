import { IdentityAutoencoder, loadAutoencoder, type Autoencoder } from '@latte-flow/autoencoder';
import {
  openFileStore,
  openWeights,
  readJson,
  readTensors,
  subfolderOf,
  type DtypeRules,
  type FileStore,
  type OpenFileStoreOptions,
} from '@latte-flow/checkpoint';
import { LatteFlowError } from '@latte-flow/core';
import { expertGroups, type ExpertGroups } from '@latte-flow/expert-router';
import { ParameterStore, requireAlive } from '@latte-flow/runtime';
import { padIds, VisionLanguageModel } from '@latte-flow/vlm';

import { renderPrompt, type LatteFlowConfig } from './config/latte-flow-config.ts';
import { parseLatteFlowConfig } from './config/parse-config.ts';
import type { PromptContext } from './generation-stream/context.ts';
import { generationStreamShapes } from './generation-stream/parameter-shapes.ts';

/** The folder of the frozen backbone inside a checkpoint. */
export const BACKBONE_FOLDER = 'vlm';

/** The folder of the autoencoder that makes pictures of latents; absent where the stream draws pixels. */
export const AUTOENCODER_FOLDER = 'autoencoder';

const PIXEL_CHANNELS = 3;

export interface LoadLatteFlowOptions extends OpenFileStoreOptions {
  /**
   * What the weights of stream and backbone are kept as: one dtype, or one by pattern of names, such as
   * `{ 'visual.*': 'float16', '*': 'int4' }`. Packed ones stay packed: products on WebGPU read them as they are (those of
   * `float16` in half precision where the device has matrix units), elsewhere they are dequantised when they are used.
   * Default: as they are stored where `latte convert` has quantised them, else float32.
   */
  readonly dtype?: DtypeRules;
}

function requireCoupled(config: LatteFlowConfig, { text }: VisionLanguageModel['config']): void {
  const pairs = [
    ['num_layers', text.numLayers, config.numLayers],
    ['num_kv_heads', text.numKeyValueHeads, config.numKvHeads],
    ['head_dim', text.headDim, config.headDim],
  ] as const;
  for (const [name, expected, got] of pairs) {
    if (expected === got) continue;
    throw new LatteFlowError('checkpoint-mismatch', {
      where: 'LatteFlow.fromPretrained',
      expected: `${name} ${expected}, as in the backbone`,
      got: String(got),
      remedy: 'Use the backbone that the generation stream was trained over.',
      data: { name, expected, got },
    });
  }
}

/** The autoencoder of the latents' channels: identity for pixels, undefined where a checkpoint of latents has none. */
async function loadDecoder(
  store: FileStore,
  { latentChannels }: LatteFlowConfig,
  { signal, onProgress }: LoadLatteFlowOptions,
): Promise<Autoencoder | undefined> {
  if (latentChannels === PIXEL_CHANNELS) return new IdentityAutoencoder();
  if (!(await store.exists(`${AUTOENCODER_FOLDER}/config.json`))) return undefined;
  return loadAutoencoder(subfolderOf(store, AUTOENCODER_FOLDER), { signal, onProgress });
}

function requireLatents({ latentChannels }: LatteFlowConfig, autoencoder: Autoencoder | undefined): void {
  if (autoencoder === undefined || autoencoder.latentChannels === latentChannels) return;
  throw new LatteFlowError('checkpoint-mismatch', {
    where: 'LatteFlow.fromPretrained',
    expected: `an autoencoder of ${latentChannels} latent channels, as the stream draws`,
    got: String(autoencoder.latentChannels),
    remedy: 'Use the autoencoder that the generation stream was trained with.',
    data: { expected: latentChannels, got: autoencoder.latentChannels },
  });
}

async function loadStream(
  store: FileStore,
  config: LatteFlowConfig,
  { dtype, signal, onProgress }: LoadLatteFlowOptions,
): Promise<ParameterStore> {
  const { tensors, close } = await openWeights(store, { signal });
  try {
    return await ParameterStore.load(readTensors(tensors, { dtype, signal, onProgress }), {
      where: 'LatteFlow.fromPretrained',
      found: tensors,
      expected: generationStreamShapes(config),
    });
  } finally {
    await close();
  }
}

/**
 * A vision-language model that also generates images: a frozen backbone and a generation stream over its key/value
 * cache (Couple), and what makes pictures of its latents. Owns all; `dispose` is idempotent, and use after it throws
 * `disposed`.
 *
 * A checkpoint folder holds `config.json` and `model.safetensors` of the stream, the backbone below `vlm/` in the
 * Hugging Face layout, and for latents that are not pixels an autoencoder below `autoencoder/` in that of diffusers.
 *
 * @example
 * await bootBackend({ device: 'auto' });
 * using model = await LatteFlow.fromPretrained('./checkpoint');
 * const { images } = await generateImages(model, 'a red apple', { seed: 1 });
 */
export class LatteFlow implements Disposable {
  readonly config: LatteFlowConfig;
  readonly backbone: VisionLanguageModel;
  readonly parameters: ParameterStore;
  /** Makes pictures of latents; undefined in a checkpoint of latents without one, which draws no pictures. */
  readonly autoencoder: Autoencoder | undefined;
  /** Layers, groups and intervals. */
  readonly groups: ExpertGroups;
  #disposed = false;

  /**
   * Takes over the backbone, the parameters and the autoencoder (default: identity where the stream draws pixels).
   * @throws LatteFlowError `checkpoint-mismatch` if the stream does not fit the backbone or the autoencoder
   */
  constructor(
    config: LatteFlowConfig,
    backbone: VisionLanguageModel,
    parameters: ParameterStore,
    autoencoder: Autoencoder | undefined = config.latentChannels === PIXEL_CHANNELS
      ? new IdentityAutoencoder()
      : undefined,
  ) {
    requireCoupled(config, backbone.config);
    requireLatents(config, autoencoder);
    const { numLayers: layers, numGroups: groups, boundaries } = config;
    this.config = config;
    this.backbone = backbone;
    this.parameters = parameters;
    this.autoencoder = autoencoder;
    this.groups = expertGroups({ layers, groups, boundaries });
  }

  /**
   * Loads a checkpoint folder (path, URL, `owner/name` on the Hub or open store) to the current backend.
   * @throws LatteFlowError `file-not-found`, `checkpoint-invalid` or `checkpoint-mismatch`; the signal's reason on abort
   */
  static async fromPretrained(location: string | FileStore, options: LoadLatteFlowOptions = {}): Promise<LatteFlow> {
    const { dtype, signal, onProgress } = options;
    const store = typeof location === 'string' ? await openFileStore(location, options) : location;
    const config = parseLatteFlowConfig(await readJson(store, 'config.json', { signal }));
    const backbone = await VisionLanguageModel.fromPretrained(subfolderOf(store, BACKBONE_FOLDER), {
      dtype,
      signal,
      onProgress,
    });
    let parameters: ParameterStore | undefined;
    let autoencoder: Autoencoder | undefined;
    try {
      requireCoupled(config, backbone.config);
      autoencoder = await loadDecoder(store, config, options);
      requireLatents(config, autoencoder);
      parameters = await loadStream(store, config, options);
      return new LatteFlow(config, backbone, parameters, autoencoder);
    } catch (error) {
      parameters?.dispose();
      autoencoder?.dispose();
      backbone.dispose();
      throw error;
    }
  }

  /**
   * Runs rendered prompts through the backbone once; every denoising step reuses the result.
   *
   * @param rendered whole prompts, template included (`renderPrompt`, or `config.nullPrompt`)
   * @returns keys and values of every layer, padded on the right; the caller disposes of it (`disposeContext`)
   * @throws LatteFlowError `context-overflow` if a prompt is longer than the backbone's context
   */
  encodeRendered(rendered: readonly string[]): PromptContext {
    requireAlive('LatteFlow.encodeRendered', 'model', this.#disposed);
    const { tokenizer, eosTokenIds } = this.backbone;
    const sequences = rendered.map((prompt) => tokenizer.encode(prompt));
    const padded = padIds(sequences, { side: 'right', padTokenId: eosTokenIds[0] ?? 0 });
    return this.backbone.encode({ ...padded, grids: [] });
  }

  /** The context of users' prompts, in the config's template. */
  encodePrompts(prompts: readonly string[]): PromptContext {
    return this.encodeRendered(prompts.map((prompt) => renderPrompt(this.config, prompt)));
  }

  dispose(): void {
    this.#disposed = true;
    this.parameters.dispose();
    this.backbone.dispose();
    this.autoencoder?.dispose();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }
}
