import { requireInteger } from '@latte-flow/core';
import { attentionVisibility, ropeTables } from '@latte-flow/ops';
import type { ParameterScope } from '@latte-flow/runtime';
import { concat, ones, slice, tensor2d, type Tensor2D, type Tensor3D, type Tensor4D } from '@tensorflow/tfjs-core';

import { adapterOf } from '../adapter/registry.ts';
import type { VisionLanguageConfig } from '../adapter/vlm-adapter.ts';
import { patchCount } from '../image/patchify.ts';
import { runDecoder, type LayerCache } from '../language-model/decoder.ts';
import { tidyResult } from '../language-model/tidy-result.ts';
import { decoderParameters, embedInputs, projectRows, type ContextCache, type ForwardOptions } from './forward.ts';
import { requireModelInputs, type ModelInputs } from './model-inputs.ts';

/** Logits of what was run, and the cache with it. The caller owns all tensors. */
export interface Continuation {
  /** float32 `[B, N, V]`, N = 1 for `last`. */
  readonly logits: Tensor3D;
  readonly cache: ContextCache;
}

interface NewTokens {
  readonly inputs: ModelInputs;
  /** `[axis][sample][token]` */
  readonly positions: readonly (readonly Int32Array[])[];
  readonly end: readonly number[];
  readonly cache: Omit<ContextCache, 'end'>;
  readonly wanted: 'all' | 'last';
}

/** Runs tokens, all of them visible, after a cache. Called inside `tidyResult`. */
function runAfter(
  parameters: ParameterScope,
  config: VisionLanguageConfig,
  { inputs, positions, end, cache, wanted }: NewTokens,
): Continuation {
  const { text } = config;
  const { batch, length, patches, grids } = inputs;
  const ids = tensor2d(inputs.ids, [batch, length], 'int32');
  const images =
    grids.length === 0 || patches === undefined
      ? undefined
      : adapterOf(config).uploadImages({ patches, grids }, config);
  const embeddings = embedInputs(parameters, config, { inputs, ids, ...(images === undefined ? {} : { images }) });
  const decoded = runDecoder(decoderParameters(parameters, config), text, {
    embeddings,
    rope: ropeTables(positions, { headDim: text.headDim, theta: text.ropeTheta, sections: text.mropeSection }),
    visibility: attentionVisibility({
      batch,
      tokens: length,
      causal: true,
      contextTokens: cache.mask.shape[1],
      contextMask: cache.mask,
    }),
    past: cache.layers,
  });
  const layers = decoded.layers.map(({ key, value }, i) => ({
    key: concat([cache.layers[i]!.key, key], 2),
    value: concat([cache.layers[i]!.value, value], 2),
  }));
  const mask = concat([cache.mask, ones([batch, length], 'bool')], 1) as Tensor2D;
  return { logits: projectRows(parameters, config, { hidden: decoded.hidden, wanted }), cache: { layers, mask, end } };
}

/**
 * Runs N more tokens of each sample after a cache: `ids` `[B, N]`, text alone and all visible, at positions `end`,
 * `end + 1`, … The old cache is borrowed.
 */
export function continuePrompt(
  parameters: ParameterScope,
  config: VisionLanguageConfig,
  {
    ids,
    cache,
    logits: wanted = 'all',
  }: Pick<ForwardOptions, 'logits'> & { readonly ids: Int32Array; readonly cache: ContextCache },
): Continuation {
  const batch = cache.end.length;
  const length = requireInteger('continuePrompt', 'ids.length / batch', ids.length / batch, { min: 1 });
  const inputs = { ids, mask: new Uint8Array(ids.length).fill(1), batch, length, grids: [] };
  const axis = cache.end.map((end) => Int32Array.from({ length }, (_, i) => end + i));
  const positions = config.text.mropeSection === undefined ? [axis] : [axis, axis, axis];
  const end = cache.end.map((position) => position + length);
  return tidyResult(() => runAfter(parameters, config, { inputs, positions, end, cache, wanted }));
}

function firstTokens({ layers, mask }: ContextCache, count: number): Omit<ContextCache, 'end'> {
  if (mask.shape[1] === count) return { layers, mask };
  const cut = (tensor: Tensor4D): Tensor4D => {
    const [batch, groups, , width] = tensor.shape;
    return slice(tensor, [0, 0, 0, 0], [batch, groups, count, width]);
  };
  return {
    layers: layers.map(({ key, value }): LayerCache => ({ key: cut(key), value: cut(value) })),
    mask: slice(mask, [0, 0], [1, count]),
  };
}

/** The tokens after the first `cached`, with the images that stand in them. */
function restOf(inputs: ModelInputs, cached: number, config: VisionLanguageConfig): ModelInputs {
  const adapter = adapterOf(config);
  const before = inputs.ids.subarray(0, cached).filter((id) => id === config.imageTokenId).length;
  let tokens = 0;
  let images = 0;
  let patches = 0;
  while (tokens < before) {
    const grid = inputs.grids[images++]!;
    tokens += adapter.imageTokens(grid, config);
    patches += patchCount(grid);
  }
  requireInteger('extendPrompt', 'image tokens in the cache', tokens, { min: before, max: before });
  return {
    ids: inputs.ids.subarray(cached),
    mask: inputs.mask.subarray(cached),
    batch: 1,
    length: inputs.length - cached,
    grids: inputs.grids.slice(images),
    ...(inputs.patches === undefined
      ? {}
      : { patches: inputs.patches.subarray(patches * adapter.patchValues(config)) }),
  };
}

/**
 * Runs the rest of a prompt whose first `cached` tokens are those of a cache: the same as running it whole, to
 * rounding. One sample without padding; `inputs` is the whole prompt; `cached` must not lie inside an image. The cache
 * is borrowed, and may hold more tokens, which are left out.
 * @throws LatteFlowError `context-overflow`, or `invalid-argument` for padding, `cached` outside [1, length) or inside
 * an image, or if image tokens and images do not match
 */
export function extendPrompt(
  parameters: ParameterScope,
  config: VisionLanguageConfig,
  {
    inputs,
    cache,
    cached,
    logits: wanted = 'all',
  }: Pick<ForwardOptions, 'logits'> & {
    readonly inputs: ModelInputs;
    readonly cache: ContextCache;
    readonly cached: number;
  },
): Continuation {
  const where = 'extendPrompt';
  requireModelInputs(where, inputs, config);
  requireInteger(where, 'batch', inputs.batch, { min: 1, max: 1 });
  requireInteger(where, 'padding', inputs.mask.indexOf(0), { min: -1, max: -1 });
  requireInteger(where, 'cached', cached, { min: 1, max: Math.min(inputs.length - 1, cache.mask.shape[1]) });
  const { positions, end } = adapterOf(config).positions(inputs, config);
  const rest = restOf(inputs, cached, config);
  return tidyResult(() =>
    runAfter(parameters, config, {
      inputs: rest,
      positions: positions.map(([row]) => [row!.subarray(cached)]),
      end,
      cache: firstTokens(cache, cached),
      wanted,
    }),
  );
}
