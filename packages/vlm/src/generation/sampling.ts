import { NoisePurpose, requireFinite, requireInteger, uniformNoise } from '@latte-flow/core';

/** How the next token is drawn. The defaults are greedy. */
export interface SamplingOptions {
  /** Divides the logits; 0 means greedy. Default 0. */
  readonly temperature?: number;
  /** Only the k most likely tokens; 0 means all. Default 0. */
  readonly topK?: number;
  /** Only the fewest tokens whose probabilities add up to p, at least one. Default 1. */
  readonly topP?: number;
  /** Seed of the draws; token i of sample j depends only on (seed, i, j). Default 0. */
  readonly seed?: number;
}

/** The index of the largest value, the first of equals. */
export function argMax(logits: ArrayLike<number>): number {
  let best = 0;
  for (let i = 1; i < logits.length; i++) if (logits[i]! > logits[best]!) best = i;
  return best;
}

/** The tokens that sampling may choose, most likely first, and their probabilities. */
function candidates(
  logits: ArrayLike<number>,
  { temperature, topK, topP }: { temperature: number; topK: number; topP: number },
) {
  const order = Uint32Array.from({ length: logits.length }, (_, i) => i).sort(
    (a, b) => logits[b]! - logits[a]! || a - b,
  );
  const kept = topK > 0 ? order.subarray(0, topK) : order;
  const top = logits[kept[0]!]!;
  const weights = Float64Array.from(kept, (id) => Math.exp((logits[id]! - top) / temperature));
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  let covered = 0;
  let count = 0;
  while (count < kept.length && (count === 0 || covered < topP * total)) covered += weights[count++]!;
  return { ids: kept.subarray(0, count), weights: weights.subarray(0, count), covered };
}

/**
 * A function that picks the next token from the logits of one sample, by temperature, then top-k, then top-p. It has
 * no hidden state: the same step and sample give the same draw.
 * @throws LatteFlowError `invalid-argument` for a negative temperature or k, p outside (0, 1], or a bad seed
 */
export function nextTokenSampler(
  options: SamplingOptions = {},
): (logits: ArrayLike<number>, at: { step: number; sample: number }) => number {
  const where = 'nextTokenSampler';
  const temperature = requireFinite(where, 'temperature', options.temperature ?? 0, { min: 0 });
  const topK = requireInteger(where, 'topK', options.topK ?? 0, { min: 0 });
  const topP = requireFinite(where, 'topP', options.topP ?? 1, { min: Number.MIN_VALUE, max: 1 });
  const seed = requireInteger(where, 'seed', options.seed ?? 0, { min: 0 });
  if (temperature === 0) return (logits) => argMax(logits);
  return (logits, { step, sample }) => {
    const { ids, weights, covered } = candidates(logits, { temperature, topK, topP });
    const [draw] = uniformNoise(sample + 1, { seed, image: step, purpose: NoisePurpose.decoding }).subarray(sample);
    let rest = draw! * covered;
    const chosen = weights.findIndex((weight) => (rest -= weight) < 0);
    return ids[chosen === -1 ? ids.length - 1 : chosen]!;
  };
}
