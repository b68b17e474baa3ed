import { kernelFeatures } from '@latte-flow/ops';
import { requireAlive, type ParameterScope } from '@latte-flow/runtime';
import type { Tensor3D } from '@tensorflow/tfjs-core';

import { adapterOf } from '../adapter/registry.ts';
import type { VisionLanguageConfig } from '../adapter/vlm-adapter.ts';
import { continuePrompt, extendPrompt, type Continuation } from '../forward/continue.ts';
import { disposeContextCache, forwardPrompt, type ContextCache } from '../forward/forward.ts';
import type { ModelInputs } from '../forward/model-inputs.ts';
import { patchCount } from '../image/patchify.ts';
import { TokenDecoder } from './token-decoder.ts';

/** A prompt that has gone through the model. */
interface Cached {
  readonly inputs: ModelInputs;
  /** Tokens that were decoded after it, one list a step, one a sample. */
  readonly steps: Int32Array[];
  /** What holds keys and values; where decoding is captured, with room for more. */
  held: ContextCache | TokenDecoder;
}

const cacheOf = (held: Cached['held']): ContextCache => (held instanceof TokenDecoder ? held.cache : held);

function disposeHeld(held: Cached['held']): void {
  if (held instanceof TokenDecoder) held.dispose();
  else disposeContextCache(held);
}

function lengthOfCommonStart(a: ArrayLike<number>, b: ArrayLike<number>): number {
  const shorter = Math.min(a.length, b.length);
  let length = 0;
  while (length < shorter && a[length] === b[length]) length++;
  return length;
}

/** How many of the first images of two prompts are the same, patch by patch. */
function commonImages(a: ModelInputs, b: ModelInputs, patchValues: number): number {
  const values = lengthOfCommonStart(a.patches ?? [], b.patches ?? []);
  let end = 0;
  const differs = b.grids.findIndex((grid, i) => {
    const other = a.grids[i];
    end += patchCount(grid) * patchValues;
    const sameGrid = other?.frames === grid.frames && other.rows === grid.rows && other.columns === grid.columns;
    return !sameGrid || end > values;
  });
  return differs === -1 ? b.grids.length : differs;
}

/**
 * The key/value cache that decoding goes on from. A prompt that begins like what it holds is not encoded again: only
 * what is new of it runs, and what no longer holds is forgotten. Owns its tensors; `dispose` is idempotent.
 */
export class DecodingCache implements Disposable {
  readonly #parameters: ParameterScope;
  readonly #config: VisionLanguageConfig;
  #cached: Cached | undefined;
  #disposed = false;

  /** Borrows the parameters. */
  constructor(parameters: ParameterScope, config: VisionLanguageConfig) {
    this.#parameters = parameters;
    this.#config = config;
  }

  /** Number of tokens that the cache holds, padding included. */
  get length(): number {
    return this.#cached === undefined ? 0 : this.#cached.inputs.length + this.#cached.steps.length;
  }

  /**
   * How many tokens at the start of a prompt are in the cache. The last token always runs, for its logits, and an image
   * counts whole or not at all. 0 for batches.
   */
  reusable(inputs: ModelInputs): number {
    const held = this.#cached;
    if (held === undefined || held.inputs.batch !== 1 || inputs.batch !== 1) return 0;
    const adapter = adapterOf(this.#config);
    const heldIds = [...held.inputs.ids, ...held.steps.map(([id]) => id!)];
    const length = Math.min(lengthOfCommonStart(heldIds, inputs.ids), inputs.length - 1);
    const images = commonImages(held.inputs, inputs, adapter.patchValues(this.#config));
    const places = [...inputs.ids.keys()].filter((i) => inputs.ids[i] === this.#config.imageTokenId);
    let reusable = length;
    let token = 0;
    inputs.grids.forEach((grid, image) => {
      const first = places[token]!;
      token += adapter.imageTokens(grid, this.#config);
      const isCached = image < images && places[token - 1]! < reusable;
      if (!isCached && first < reusable) reusable = first;
    });
    return reusable;
  }

  /**
   * Runs a prompt, or what is new of it. Returns the logits of each sample's last token, float32 `[B, 1, V]`, which the
   * caller owns.
   * @throws LatteFlowError as `forwardPrompt`; the cache stays as it was
   */
  run(inputs: ModelInputs): Tensor3D {
    requireAlive('DecodingCache.run', 'cache', this.#disposed);
    const cached = this.reusable(inputs);
    if (cached > 0) {
      const cache = cacheOf(this.#cached!.held);
      return this.#hold(extendPrompt(this.#parameters, this.#config, { inputs, cache, cached, logits: 'last' }), {
        inputs,
        steps: [],
      });
    }
    const { hidden, ...output } = forwardPrompt(this.#parameters, this.#config, { inputs, logits: 'last' });
    hidden.dispose();
    return this.#hold(output, { inputs, steps: [] });
  }

  /** Runs one more token of each sample, as `run`. On WebGPU the step is captured, and replayed from then on. */
  advance(ids: Int32Array): Tensor3D {
    requireAlive('DecodingCache.advance', 'cache', this.#disposed);
    const cached = this.#cached!;
    this.#makeRoom(cached);
    const { inputs, steps, held } = cached;
    if (held instanceof TokenDecoder) {
      const logits = held.run(ids);
      steps.push(ids);
      return logits;
    }
    const next = continuePrompt(this.#parameters, this.#config, { ids, cache: held, logits: 'last' });
    steps.push(ids);
    return this.#hold(next, { inputs, steps });
  }

  #makeRoom(cached: Cached): void {
    const { inputs, held } = cached;
    if (held instanceof TokenDecoder || kernelFeatures() === undefined) return;
    cached.held = new TokenDecoder(this.#parameters, this.#config, { inputs, cache: held });
    disposeContextCache(held);
  }

  /** Takes over a new cache; the one before is disposed of. */
  #hold({ logits, cache }: Continuation, prompt: Omit<Cached, 'held'>): Tensor3D {
    if (this.#cached !== undefined) disposeHeld(this.#cached.held);
    this.#cached = { ...prompt, held: cache };
    return logits;
  }

  dispose(): void {
    this.#disposed = true;
    if (this.#cached !== undefined) disposeHeld(this.#cached.held);
    this.#cached = undefined;
  }

  [Symbol.dispose](): void {
    this.dispose();
  }
}
