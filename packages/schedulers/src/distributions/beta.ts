import { requireFinite } from '@latte-flow/core';

/** A distribution over [0, 1]. All figures are float64. */
export interface BetaDistribution {
  pdf(x: number): number;
  cdf(x: number): number;
  /** The x with cdf(x) = p, to about 1e-14; 0 at p <= 0 and 1 at p >= 1. */
  quantile(p: number): number;
}

/** Coefficients of Stirling's series, B_2k / (2k (2k - 1)). */
const STIRLING = [1 / 12, -1 / 360, 1 / 1260, -1 / 1680, 1 / 1188, -691 / 360360, 1 / 156];

/** ln Gamma(z) for z > 0: Stirling's series, after the recurrence has made z large enough for it. */
function logGamma(z: number): number {
  let product = 1;
  while (z < 12) product *= z++;
  const series = STIRLING.reduceRight((sum, coefficient) => sum / (z * z) + coefficient, 0) / z;
  return (z - 0.5) * Math.log(z) - z + Math.log(2 * Math.PI) / 2 + series - Math.log(product);
}

/** The continued fraction of the incomplete beta integral (Abramowitz and Stegun 26.5.8), for x < (a + 1) / (a + b + 2). */
function continuedFraction(x: number, a: number, b: number): number {
  let numerator = 1;
  let denominator = 1 / (1 - ((a + b) * x) / (a + 1));
  let fraction = denominator;
  for (let m = 1; m < 10_000; m++) {
    const even = (m * (b - m) * x) / ((a + 2 * m - 1) * (a + 2 * m));
    const odd = (-(a + m) * (a + b + m) * x) / ((a + 2 * m) * (a + 2 * m + 1));
    let change = 1;
    for (const coefficient of [even, odd]) {
      denominator = 1 / (1 + coefficient * denominator);
      numerator = 1 + coefficient / numerator;
      change = numerator * denominator;
      fraction *= change;
    }
    if (Math.abs(change - 1) < 1e-16) break;
  }
  return fraction;
}

/**
 * The beta distribution with density x^(alpha - 1) (1 - x)^(beta - 1) / B(alpha, beta).
 * @throws LatteFlowError `invalid-argument` unless both are in [0.001, 10000].
 */
export function betaDistribution({ alpha, beta }: { readonly alpha: number; readonly beta: number }): BetaDistribution {
  const bounds = { min: 1e-3, max: 1e4 };
  const a = requireFinite('betaDistribution', 'alpha', alpha, bounds);
  const b = requireFinite('betaDistribution', 'beta', beta, bounds);
  const logB = logGamma(a) + logGamma(b) - logGamma(a + b);
  const mean = a / (a + b);
  const weight = (x: number, p: number, q: number) => Math.exp(p * Math.log(x) + q * Math.log1p(-x) - logB);
  const lower = (x: number, p: number, q: number) => (weight(x, p, q) / p) * continuedFraction(x, p, q);
  const inTurn = (x: number, p: number, q: number) => x < (p + 1) / (p + q + 2);
  const mass = (x: number, p: number, q: number) => (inTurn(x, p, q) ? lower(x, p, q) : 1 - lower(1 - x, q, p));

  /** Solves mass(x; p, q) = target for x between 0 and `ceiling`, by Newton's method in logarithms inside a bracket. */
  function invert(target: number, { p, q, ceiling }: { p: number; q: number; ceiling: number }): number {
    let [low, high] = [0, ceiling];
    let x = Math.min(ceiling / 2, Math.exp((Math.log(target * p) + logB) / p));
    for (let i = 0; i < 200 && x > 0; i++) {
      const reached = mass(x, p, q);
      if (reached > target) high = x;
      else low = x;
      const slope = weight(x, p, q - 1) / reached;
      const next = x * Math.exp(Math.log(target / reached) / slope);
      const inside = next > low && next < high ? next : (low + high) / 2;
      if (Math.abs(inside - x) <= 1e-16 * x || inside === low || inside === high) return inside;
      x = inside;
    }
    return x;
  }

  const atMean = mass(mean, a, b);
  return {
    pdf: (x) => (x > 0 && x < 1 ? weight(x, a - 1, b - 1) : 0),
    cdf: (x) => (x <= 0 ? 0 : x >= 1 ? 1 : mass(x, a, b)),
    quantile: (p) => {
      if (p <= 0) return 0;
      if (p >= 1) return 1;
      return p <= atMean
        ? invert(p, { p: a, q: b, ceiling: mean })
        : 1 - invert(1 - p, { p: b, q: a, ceiling: 1 - mean });
    },
  };
}
