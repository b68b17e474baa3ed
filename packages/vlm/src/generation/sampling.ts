import { NoisePurpose, requireFinite, requireInteger, requirePositive, uniformNoise } from '@latte-flow/core';

/** How the next token is drawn. The defaults are greedy. */
export interface SamplingOptions {
  /** Divides the logits; 0 means greedy. Default 0. */
  readonly temperature?: number;
  /** Only the k most likely tokens, and those as likely as the last of them; 0 means all. Default 0. */
  readonly topK?: number;
  /** Only the fewest tokens whose probabilities add up to p, at least one. Default 1. */
  readonly topP?: number;
  /** Only tokens at least so likely as this share of the most likely one; 0 means all. Default 0. */
  readonly minP?: number;
  /**
   * Divides the positive logits of tokens that the prompt or the answer holds, and multiplies the negative ones; above
   * 1 makes them rarer, greedily too. Default 1.
   */
  readonly repetitionPenalty?: number;
  /** Seed of the draws; token i of sample j depends only on (seed, i, j). Default 0. */
  readonly seed?: number;
}

/** Which token is drawn: the `step`-th of the `sample`-th answer, after the tokens `seen`. */
export interface TokenPlace {
  readonly step: number;
  readonly sample: number;
  /** What the repetition penalty counts; default none. */
  readonly seen?: ReadonlySet<number>;
}

/** The index of the largest value, the first of equals. */
export function argMax(logits: ArrayLike<number>): number {
  let best = 0;
  for (let i = 1; i < logits.length; i++) if (logits[i]! > logits[best]!) best = i;
  return best;
}

/** Keskar et al., "CTRL" (2019), section 4.1, with the sign taken into account as in transformers. */
function penalise(logits: ArrayLike<number>, seen: ReadonlySet<number>, penalty: number): Float64Array {
  const scores = Float64Array.from(logits);
  for (const id of seen) scores[id] = scores[id]! < 0 ? scores[id]! * penalty : scores[id]! / penalty;
  return scores;
}

/** The tokens that sampling may choose, most likely first, and their probabilities. */
function candidates(
  logits: ArrayLike<number>,
  { temperature, topK, topP, minP }: { temperature: number; topK: number; topP: number; minP: number },
) {
  const order = Uint32Array.from({ length: logits.length }, (_, i) => i).sort(
    (a, b) => logits[b]! - logits[a]! || a - b,
  );
  let kept = topK > 0 && topK < order.length ? topK : order.length;
  while (kept < order.length && logits[order[kept]!] === logits[order[kept - 1]!]) kept++;
  const top = logits[order[0]!]!;
  const weights = Float64Array.from(order.subarray(0, kept), (id) => Math.exp((logits[id]! - top) / temperature));
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  let covered = 0;
  let count = 0;
  // The first weight is 1, so that min-p is a bound on the weights themselves.
  while (count < kept && (count === 0 || (covered < topP * total && weights[count]! >= minP)))
    covered += weights[count++]!;
  return { ids: order.subarray(0, count), weights: weights.subarray(0, count), covered };
}

/**
 * A function that picks the next token from the logits of one sample, in the order of transformers: repetition penalty,
 * temperature, top-k, top-p, min-p. It has no hidden state: the same step, sample and tokens seen give the same draw.
 * @throws LatteFlowError `invalid-argument` for a negative temperature or k, p outside (0, 1], min-p outside [0, 1], a
 * penalty that is not positive, or a bad seed
 */
export function nextTokenSampler(options: SamplingOptions = {}): (logits: ArrayLike<number>, at: TokenPlace) => number {
  const where = 'nextTokenSampler';
  const temperature = requireFinite(where, 'temperature', options.temperature ?? 0, { min: 0 });
  const topK = requireInteger(where, 'topK', options.topK ?? 0, { min: 0 });
  const topP = requireFinite(where, 'topP', options.topP ?? 1, { min: Number.MIN_VALUE, max: 1 });
  const minP = requireFinite(where, 'minP', options.minP ?? 0, { min: 0, max: 1 });
  const penalty = requirePositive(where, 'repetitionPenalty', options.repetitionPenalty ?? 1);
  const seed = requireInteger(where, 'seed', options.seed ?? 0, { min: 0 });
  return (logits, { step, sample, seen }) => {
    const scores = penalty === 1 || seen === undefined ? logits : penalise(logits, seen, penalty);
    if (temperature === 0) return argMax(scores);
    const { ids, weights, covered } = candidates(scores, { temperature, topK, topP, minP });
    const [draw] = uniformNoise(sample + 1, { seed, image: step, purpose: NoisePurpose.decoding }).subarray(sample);
    let rest = draw! * covered;
    const chosen = weights.findIndex((weight) => (rest -= weight) < 0);
    return ids[chosen === -1 ? ids.length - 1 : chosen]!;
  };
}
