import { eventTurns, LatteFlowError, requireInteger, throwIfAborted } from '@latte-flow/core';
import type { ParameterScope } from '@latte-flow/runtime';
import type { Tensor3D } from '@tensorflow/tfjs-core';

import type { VisionLanguageConfig } from '../adapter/vlm-adapter.ts';
import { continuePrompt } from '../forward/continue.ts';
import { disposeContextCache, forwardPrompt, type ContextCache } from '../forward/forward.ts';
import type { ModelInputs } from '../forward/model-inputs.ts';
import { nextTokenSampler, type SamplingOptions } from './sampling.ts';

export interface DecodeOptions extends SamplingOptions {
  /** Stop after so many tokens of each sample. Default 128. */
  readonly maxNewTokens?: number;
  /** Tokens that end a sample. Default: the config's end of sequence. */
  readonly eosTokenIds?: readonly number[];
  readonly signal?: AbortSignal;
}

function requireLeftPadding({ mask, batch, length }: ModelInputs): void {
  for (let sample = 0; sample < batch; sample++) {
    if (mask[sample * length + length - 1] !== 0) continue;
    throw new LatteFlowError('invalid-argument', {
      where: 'decodeTokens',
      expected: 'prompts padded on the left',
      got: `padding at the end of sample ${sample}`,
      remedy: 'Pad with side: left.',
      data: { sample },
    });
  }
}

/**
 * Decodes a left-padded batch step by step over a key/value cache. Yields the next token of every sample, or
 * undefined for samples that have ended; the end token itself is yielded. Ends when all samples have, at
 * `maxNewTokens`, or when the model's positions are used up. Holds no tensors after it ends, fails or is left early.
 * @throws LatteFlowError as `forwardPrompt`; the signal's reason on abort
 */
export async function* decodeTokens(
  parameters: ParameterScope,
  config: VisionLanguageConfig,
  { inputs, ...options }: DecodeOptions & { readonly inputs: ModelInputs },
): AsyncGenerator<(number | undefined)[], void, void> {
  const { maxNewTokens = 128, eosTokenIds = [config.eosTokenId], signal } = options;
  requireInteger('decodeTokens', 'maxNewTokens', maxNewTokens, { min: 1 });
  const sample = nextTokenSampler(options);
  requireLeftPadding(inputs);
  throwIfAborted(signal);
  const { vocabSize, maxPositionEmbeddings } = config.text;
  const budget = Math.min(maxNewTokens, maxPositionEmbeddings - inputs.length + 1);
  const ended = Array.from({ length: inputs.batch }, () => false);
  const first = forwardPrompt(parameters, config, { inputs, logits: 'last' });
  first.hidden.dispose();
  let state: { logits: Tensor3D; cache: ContextCache } = first;
  const turn = eventTurns();
  try {
    for (let step = 0; ; step++) {
      const values = await state.logits.data();
      await turn();
      throwIfAborted(signal);
      const next = ended.map((over, i) =>
        over ? undefined : sample(values.subarray(i * vocabSize, (i + 1) * vocabSize), { step, sample: i }),
      );
      next.forEach((id, i) => (ended[i] ||= id !== undefined && eosTokenIds.includes(id)));
      yield next;
      if (step + 1 >= budget || ended.every(Boolean)) return;
      throwIfAborted(signal);
      // Samples that have ended run along on an end token, whose result nobody reads.
      const ids = Int32Array.from(next, (id) => id ?? config.eosTokenId);
      const following = continuePrompt(parameters, config, { ids, cache: state.cache, logits: 'last' });
      state.logits.dispose();
      disposeContextCache(state.cache);
      state = following;
    }
  } finally {
    state.logits.dispose();
    disposeContextCache(state.cache);
  }
}
