import { eventTurns, LatteFlowError, requireInteger, throwIfAborted } from '@latte-flow/core';
import type { ParameterScope } from '@latte-flow/runtime';

import type { VisionLanguageConfig } from '../adapter/vlm-adapter.ts';
import type { ModelInputs } from '../forward/model-inputs.ts';
import { DecodingCache } from './decoding-cache.ts';
import { nextTokenSampler, type SamplingOptions } from './sampling.ts';

export interface DecodeOptions extends SamplingOptions {
  /** Stop after so many tokens of each sample. Default 128. */
  readonly maxNewTokens?: number;
  /** Tokens that end a sample. Default: the config's end of sequence. */
  readonly eosTokenIds?: readonly number[];
  readonly signal?: AbortSignal;
}

/** What `decodeTokens` runs on. */
export interface DecodeTask {
  readonly inputs: ModelInputs;
  /** Goes on from what this holds, and leaves there what was run; borrowed. Default: one of its own. */
  readonly cache?: DecodingCache;
  /** Asked after each token of a sample was yielded: true ends the sample. */
  readonly isOver?: (sample: number) => boolean;
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

/** The visible tokens of each sample. */
function promptTokens({ ids, mask, batch, length }: ModelInputs): Set<number>[] {
  return Array.from({ length: batch }, (_, sample) => {
    const start = sample * length;
    return new Set(ids.subarray(start, start + length).filter((__, i) => mask[start + i] !== 0));
  });
}

/**
 * Decodes a left-padded batch step by step over a key/value cache. Yields the next token of every sample, or
 * undefined for samples that have ended; the end token itself is yielded. Ends when all samples have, at
 * `maxNewTokens`, or when the model's positions are used up. Holds no tensors after it ends, fails or is left early,
 * but for a cache that was passed.
 * @throws LatteFlowError as `forwardPrompt`; the signal's reason on abort
 */
export async function* decodeTokens(
  parameters: ParameterScope,
  config: VisionLanguageConfig,
  { inputs, cache, isOver, ...options }: DecodeOptions & DecodeTask,
): AsyncGenerator<(number | undefined)[], void, void> {
  const { maxNewTokens = 128, eosTokenIds = [config.eosTokenId], signal } = options;
  requireInteger('decodeTokens', 'maxNewTokens', maxNewTokens, { min: 1 });
  const sampler = nextTokenSampler(options);
  requireLeftPadding(inputs);
  throwIfAborted(signal);
  const { vocabSize, maxPositionEmbeddings } = config.text;
  const budget = Math.min(maxNewTokens, maxPositionEmbeddings - inputs.length + 1);
  const ended = Array.from({ length: inputs.batch }, () => false);
  const seen = promptTokens(inputs);
  const turn = eventTurns();
  const decoding = cache ?? new DecodingCache(parameters, config);
  try {
    let logits = decoding.run(inputs);
    for (let step = 0; ; step++) {
      const values = await logits.data().finally(() => logits.dispose());
      await turn();
      throwIfAborted(signal);
      const next = ended.map((over, sample) => {
        if (over) return undefined;
        const row = values.subarray(sample * vocabSize, (sample + 1) * vocabSize);
        return sampler(row, { step, sample, seen: seen[sample] });
      });
      yield next;
      next.forEach((id, sample) => {
        if (id === undefined) return;
        seen[sample]!.add(id);
        ended[sample] = eosTokenIds.includes(id) || isOver?.(sample) === true;
      });
      if (step + 1 >= budget || ended.every(Boolean)) return;
      throwIfAborted(signal);
      // Samples that have ended run along on an end token, whose result nobody reads.
      logits = decoding.advance(Int32Array.from(next, (id) => id ?? config.eosTokenId));
    }
  } finally {
    if (cache === undefined) decoding.dispose();
  }
}
