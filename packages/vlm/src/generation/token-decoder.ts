import { attentionVisibility, embed, ropeTables, storeTokens } from '@latte-flow/ops';
import { captureStep, requireAlive, type CapturedStep, type ParameterScope } from '@latte-flow/runtime';
import { pad, tensor1d, tensor2d, tidy, type Tensor, type Tensor3D, type Tensor4D } from '@tensorflow/tfjs-core';

import type { VisionLanguageConfig } from '../adapter/vlm-adapter.ts';
import {
  decoderParameters,
  disposeContextCache,
  embeddingTable,
  projectRows,
  type ContextCache,
} from '../forward/forward.ts';
import { uploadMask } from '../forward/input-tensors.ts';
import type { PaddedIds } from '../forward/model-inputs.ts';
import { runDecoder, type LayerCache } from '../language-model/decoder.ts';
import { tidyResult } from '../language-model/tidy-result.ts';

/** Room grows by so many tokens: each time the step is captured anew, and unused room is attended to in vain. */
const ROOM = 128;

/** A prompt that has gone through the model, on the host and on the device. */
interface DecodedPrompt {
  readonly inputs: Pick<PaddedIds, 'mask' | 'batch' | 'length'>;
  readonly cache: ContextCache;
}

/** `[B, G, T, E]` -> `[B, G, C, E]` */
const widened = (x: Tensor4D, capacity: number): Tensor4D =>
  pad(x, [[0, 0], [0, 0], [0, capacity - x.shape[2]], [0, 0]]); // prettier-ignore

/**
 * Decodes token by token on WebGPU: keys and values lie in tensors with room for more, and the step that runs one token of
 * each sample and stores its keys and values is captured, so that a token costs little JavaScript.
 */
export class TokenDecoder implements Disposable {
  readonly #parameters: ParameterScope;
  readonly #config: VisionLanguageConfig;
  readonly #batch: number;
  readonly #room: number;
  /** Where the next token of each sample goes. */
  readonly #end: number[];
  /** Of every sample, 1 for each of its visible tokens so far. */
  #visible: readonly number[][];
  #cache: Omit<ContextCache, 'end'>;
  #length: number;
  #step: CapturedStep | undefined;
  #disposed = false;

  /**
   * Borrows the parameters and copies the cache.
   * @param prompt left-padded
   * @param options `room`: by how many tokens room grows. Default 128
   */
  constructor(
    parameters: ParameterScope,
    config: VisionLanguageConfig,
    { inputs, cache, room = ROOM }: DecodedPrompt & { readonly room?: number },
  ) {
    const { mask, batch, length } = inputs;
    this.#parameters = parameters;
    this.#config = config;
    this.#batch = batch;
    this.#room = room;
    this.#end = [...cache.end];
    this.#length = length;
    this.#visible = Array.from({ length: batch }, (_, sample) => [
      ...mask.subarray(sample * length, (sample + 1) * length),
    ]);
    this.#cache = this.#widen(cache);
  }

  /** The cache, with room behind the tokens that it holds. Borrowed until the next token or `dispose`. */
  get cache(): ContextCache {
    return { ...this.#cache, end: this.#end };
  }

  /** Tokens that there is room for. */
  get capacity(): number {
    return this.#cache.mask.shape[1];
  }

  /** Runs one more token of each sample; its logits, float32 `[B, 1, V]`, are the caller's. */
  run(ids: Int32Array): Tensor3D {
    requireAlive('TokenDecoder.run', 'decoder', this.#disposed);
    if (this.#length === this.capacity) this.#grow();
    const logits = tidy(() => {
      const inputs = this.#inputs(ids);
      this.#step ??= captureStep((...tensors) => this.#decode(tensors), inputs);
      return this.#step.run(...inputs)[0] as Tensor3D;
    });
    for (const row of this.#visible) row.push(1);
    this.#end.forEach((end, sample) => (this.#end[sample] = end + 1));
    this.#length++;
    return logits;
  }

  /** What changes from token to token. */
  #inputs(ids: Int32Array): Tensor[] {
    const { headDim, ropeTheta: theta, mropeSection: sections } = this.#config.text;
    const axis = this.#end.map((position) => [position]);
    const { cos, sin } = ropeTables(sections === undefined ? [axis] : [axis, axis, axis], { headDim, theta, sections });
    const capacity = this.capacity;
    const visible = new Int32Array(this.#batch * capacity);
    for (const [sample, row] of this.#visible.entries()) visible.set(row, sample * capacity);
    return [
      tensor2d(ids, [this.#batch, 1], 'int32'),
      cos,
      sin,
      tensor2d(visible, [this.#batch, capacity], 'int32'),
      tensor1d([this.#length], 'int32'),
    ];
  }

  #decode([ids, cos, sin, visible, start]: readonly Tensor[]): Tensor[] {
    const { text } = this.#config;
    const scope = decoderParameters(this.#parameters, this.#config);
    const past = this.#cache.layers;
    const decoded = runDecoder(scope, text, {
      embeddings: embed(ids!, embeddingTable(this.#parameters, this.#config)) as Tensor3D,
      rope: { cos: cos as Tensor3D, sin: sin as Tensor3D },
      visibility: attentionVisibility({
        batch: this.#batch,
        tokens: 1,
        causal: true,
        contextTokens: this.capacity,
        contextMask: visible!,
      }),
      past,
    });
    for (const [i, tokens] of decoded.layers.entries()) storeTokens(tokens, past[i]!, start!);
    return [projectRows(this.#parameters, this.#config, { hidden: decoded.hidden, wanted: 'last' })];
  }

  /** Copies a cache to one with room for at least one token more. Tokens behind the prompt are visible. */
  #widen({ layers }: Pick<ContextCache, 'layers'>): Omit<ContextCache, 'end'> {
    const batch = this.#batch;
    const capacity = Math.ceil((this.#length + 1) / this.#room) * this.#room;
    const mask = new Uint8Array(batch * capacity).fill(1);
    for (const [sample, row] of this.#visible.entries()) mask.set(row, sample * capacity);
    return tidyResult(() => ({
      layers: layers.map(({ key, value }): LayerCache => ({
        key: widened(key, capacity),
        value: widened(value, capacity),
      })),
      mask: uploadMask({ mask, batch, length: capacity }),
    }));
  }

  #grow(): void {
    this.#step?.dispose();
    this.#step = undefined;
    const before = this.#cache;
    this.#cache = this.#widen(before);
    disposeContextCache(before);
  }

  dispose(): void {
    if (this.#disposed) return;
    this.#disposed = true;
    this.#step?.dispose();
    disposeContextCache(this.#cache);
  }

  [Symbol.dispose](): void {
    this.dispose();
  }
}
