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

interface Limits {
  readonly temperature: number;
  readonly topK: number;
  readonly topP: number;
  readonly minP: number;
}

/** Sums the weights that are at least so large. */
function sumFrom(weights: Float64Array, least: number): number {
  let sum = 0;
  for (const weight of weights) if (weight >= least) sum += weight;
  return sum;
}

/** The weight of each token in the draw, 1 for the most likely, 0 for those that may not be chosen. */
function drawWeights(logits: ArrayLike<number>, { temperature, topK, topP, minP }: Limits): Float64Array {
  const top = logits[argMax(logits)]!;
  const weights = new Float64Array(logits).map((logit) => Math.exp((logit - top) / temperature));
  let least = minP;
  let equals = Infinity; // how many of those at `least` may be chosen
  if (topK > 0 || topP < 1) {
    // Numbers alone are sorted: with a comparison of indices this would take most of the time of a small model.
    const sorted = weights.toSorted();
    const kth = topK > 0 ? sorted[Math.max(0, sorted.length - topK)]! : 0;
    least = Math.max(least, kth);
    if (topP < 1) {
      const wanted = topP * sumFrom(weights, kth);
      let edge = sorted.length;
      for (let covered = 0; edge > 0 && covered < wanted;) covered += sorted[--edge]!;
      if (sorted[edge]! >= least) {
        least = sorted[edge]!;
        equals = sorted.lastIndexOf(least) + 1 - edge;
      }
    }
  }
  return weights.map((weight) => (weight > least || (weight === least && equals-- > 0) ? weight : 0));
}

/** The token at a share of the sum of all weights. */
function tokenAt(share: number, weights: Float64Array): number {
  let rest = share * sumFrom(weights, 0);
  let last = 0;
  for (let id = 0; id < weights.length; id++) {
    if (weights[id] === 0) continue;
    last = id;
    rest -= weights[id]!;
    if (rest < 0) break;
  }
  return last;
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
    const weights = drawWeights(scores, { temperature, topK, topP, minP });
    const [draw] = uniformNoise(sample + 1, { seed, image: step, purpose: NoisePurpose.decoding }).subarray(sample);
    return tokenAt(draw!, weights);
  };
}
