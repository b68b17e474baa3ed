const INVERSE_ROOT_TWO_PI = 1 / Math.sqrt(2 * Math.PI);
/** Beyond it the tail is small enough for a difference from 1/2 to lose digits. */
const TAIL = 2.5;
const TAIL_TERMS = 160;

/** Density of the standard normal distribution. */
export function normalPdf(x: number): number {
  return INVERSE_ROOT_TWO_PI * Math.exp(-0.5 * x * x);
}

/**
 * Distribution function of the standard normal, to about 1e-15 relative in the lower tail too: the series
 * 1/2 + pdf(x) (x + x^3/3 + x^5/(3 5) + …) in the middle, Laplace's continued fraction of Mills' ratio in the tails
 * (Abramowitz and Stegun 26.2.11 and 26.2.14).
 */
export function normalCdf(x: number): number {
  if (x >= TAIL) return 1 - upperTail(x);
  if (x <= -TAIL) return upperTail(-x);
  let term = x;
  let sum = x;
  for (let odd = 3; Math.abs(term) > 1e-18 * Math.abs(sum); odd += 2) {
    term *= (x * x) / odd;
    sum += term;
  }
  return 0.5 + normalPdf(x) * sum;
}

function upperTail(x: number): number {
  if (x === Infinity) return 0;
  let fraction = x;
  for (let n = TAIL_TERMS; n >= 1; n--) fraction = x + n / fraction;
  return normalPdf(x) / fraction;
}

/**
 * The x with normalCdf(x) = p; -Infinity at 0, Infinity at 1. Winitzki's closed approximation of the inverse error
 * function, sharpened by Halley's method.
 */
export function normalInverseCdf(p: number): number {
  if (p === 0) return -Infinity;
  if (p > 0.5) return -normalInverseCdf(1 - p);
  const a = 0.147;
  const logarithm = Math.log(4 * p * (1 - p));
  const half = 2 / (Math.PI * a) + logarithm / 2;
  let x = -Math.sqrt(Math.max(0, 2 * (Math.sqrt(half * half - logarithm / a) - half)));
  for (let i = 0; i < 6; i++) {
    const newton = (normalCdf(x) - p) / normalPdf(x);
    const change = newton / (1 + (x * newton) / 2);
    x -= change;
    if (Math.abs(change) <= 1e-16 * Math.abs(x)) break;
  }
  return x;
}
