import { requireFinite, requirePositive } from '@latte-flow/core';

import { cosinePath } from '../paths/cosine.ts';
import { linearPath } from '../paths/linear.ts';
import { type AffineMean, refuseTime } from '../paths/path.ts';
import { combineArrays, type FloatArray } from '../arrays/float-array.ts';

/**
 * A Gaussian path between the two ends of a pair: x_t = mean(x_1, x_0) + spread(t) eps, with the velocity
 * u = mean' + spread' / spread (x_t - mean) = mean' + spread' eps. All figures are float64.
 */
export interface ConditionalMatcher {
  readonly name: string;
  /** Weights of the target (data, alpha) and the source (noise, sigma) in the mean. */
  readonly mean: AffineMean;
  /** Standard deviation of x_t about its mean (sigma_t). */
  spread(time: number): number;
  spreadDerivative(time: number): number;
  /** Weight of a score network's loss, 2 spread / (sigma^2 + stabilizer) (lambda_t). */
  scoreWeight(time: number): number;
}

export interface MatcherOptions {
  /** Noise about the pair's path; what it is at t = 1 or in the middle depends on the matcher. Default 0. */
  readonly sigma?: number;
  /** torchcfm's guard against division by 0, added to denominators; 0 gives the exact formulas. Default 1e-8. */
  readonly stabilizer?: number;
}

type Spread = Pick<ConditionalMatcher, 'spread' | 'spreadDerivative'>;

function matcherOf(
  where: string,
  { sigma = 0, stabilizer = 1e-8 }: MatcherOptions,
  build: (sigma: number, stabilizer: number) => Spread & { readonly mean: AffineMean },
): ConditionalMatcher {
  requireFinite(where, 'sigma', sigma, { min: 0 });
  requireFinite(where, 'stabilizer', stabilizer, { min: 0 });
  const { mean, spread, spreadDerivative } = build(sigma, stabilizer);
  const scoreWeight = (time: number) => (2 * spread(time)) / (sigma ** 2 + stabilizer);
  return { name: where, mean, spread, spreadDerivative, scoreWeight };
}

const constant = (mean: AffineMean) => (sigma: number) => ({ mean, spread: () => sigma, spreadDerivative: () => 0 });

/** Straight lines with a constant spread: mean t x_1 + (1 - t) x_0. With an exact plan this is OT-CFM. */
export function linearMatcher(options: MatcherOptions = {}): ConditionalMatcher {
  return matcherOf('linearMatcher', options, constant(linearPath));
}

/** Quarter circles with a constant spread: mean sin(pi t / 2) x_1 + cos(pi t / 2) x_0. */
export function cosineMatcher(options: MatcherOptions = {}): ConditionalMatcher {
  return matcherOf('cosineMatcher', options, constant(cosinePath));
}

/** Lipman et al. (2023): no source, mean t x_1, and a spread that falls from 1 to sigma. */
export function targetMatcher(options: MatcherOptions = {}): ConditionalMatcher {
  return matcherOf('targetMatcher', options, (sigma) => ({
    mean: { ...linearPath, sigma: () => 0, sigmaDerivative: () => 0 },
    spread: (time) => 1 - (1 - sigma) * time,
    spreadDerivative: () => sigma - 1,
  }));
}

/**
 * The Brownian bridge of a pair: mean t x_1 + (1 - t) x_0, spread sigma sqrt(t (1 - t)), whose derivative is infinite at
 * both ends: the stabilizer makes it 0 there, without one these times are refused.
 * @throws LatteFlowError `invalid-argument` unless sigma > 0.
 */
export function schroedingerBridgeMatcher(options: MatcherOptions & { readonly sigma: number }): ConditionalMatcher {
  requirePositive('schroedingerBridgeMatcher', 'sigma', options.sigma);
  return matcherOf('schroedingerBridgeMatcher', options, (sigma, stabilizer) => {
    const spread = (time: number) => sigma * Math.sqrt(time * (1 - time));
    return {
      mean: linearPath,
      spread,
      spreadDerivative: (time) => (spread(time) * (1 - 2 * time)) / (2 * time * (1 - time) + stabilizer),
    };
  });
}

export interface ConditionalPair<A extends FloatArray> {
  /** x_1 */
  readonly data: A;
  /** x_0 */
  readonly source: FloatArray;
  /** t in [0, 1], source to data. */
  readonly time: number;
  /** Standard normals (eps). Needed where the spread is above 0. */
  readonly noise?: FloatArray;
}

/**
 * x_t of a pair and the velocity that a network is trained on there, as new arrays of the data's kind.
 * @throws LatteFlowError `invalid-argument` for t outside [0, 1], missing noise, or where the velocity is infinite;
 * `shape-mismatch` if the lengths differ.
 */
export function matchPair<A extends FloatArray>(
  matcher: ConditionalMatcher,
  { data, source, time, noise }: ConditionalPair<A>,
): { sample: A; velocity: A } {
  const { mean, name } = matcher;
  requireFinite('matchPair', 'time', time, { min: 0, max: 1 });
  const spread = matcher.spread(time);
  const slope = matcher.spreadDerivative(time);
  if (!Number.isFinite(slope)) refuseTime('matchPair', `the velocity of ${name} is finite`, time);
  const combine = ([ofData, ofSource, ofNoise]: readonly [number, number, number]) =>
    combineArrays('matchPair', [
      [ofData, data],
      [ofSource, source],
      ...(spread === 0 && slope === 0 ? [] : ([[ofNoise, noise!]] as const)),
    ]) as A;
  return {
    sample: combine([mean.alpha(time), mean.sigma(time), spread]),
    velocity: combine([mean.alphaDerivative(time), mean.sigmaDerivative(time), slope]),
  };
}
