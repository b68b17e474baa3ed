import { refuseArgument, requireFinite, requireInteger } from '@latte-flow/core';

import { type FloatArray, requireLength } from '../arrays/float-array.ts';
import { logSumExp } from '../paths/log-sum-exp.ts';
import { type Path, refuseTime } from '../paths/path.ts';

/** Tokens: integers in [0, V). */
export type Tokens = ArrayLike<number>;

export interface TokenPrediction {
  /** Of x_1 given x_t, `[N, V]` row by row, before the softmax. */
  readonly logits: FloatArray;
  /** x_t, `[N]`. */
  readonly tokens: Tokens;
  /** t in [0, 1), noise to data. */
  readonly time: number;
}

/** sigma(t), the share of tokens that are noise yet. Only where alpha + sigma = 1 is it a probability. */
function shareOfNoise(where: string, path: Path, time: number): number {
  requireFinite(where, 'time', time, { min: 0, max: 1 });
  const sigma = path.sigma(time);
  if (Math.abs(path.alpha(time) + sigma - 1) < 1e-9) return sigma;
  return refuseArgument({
    where,
    expected: 'a path with alpha + sigma = 1',
    got: `the ${path.name} path`,
    remedy: 'Pass linearPath or a polynomialPath.',
  });
}

function requireTokens(where: string, tokens: Tokens, size: number): void {
  for (let i = 0; i < tokens.length; i++) requireInteger(where, `token ${i}`, tokens[i], { min: 0, max: size - 1 });
}

/**
 * The rate alpha' / (1 - alpha) at which noise tokens turn into data, the size of the vocabulary, and the log
 * probabilities of x_1, `[N, V]`.
 */
function chainAt(where: string, path: Path, { logits, tokens, time }: TokenPrediction) {
  const rate = path.alphaDerivative(time) / shareOfNoise(where, path, time);
  if (!Number.isFinite(rate)) refuseTime(where, 'the rate is finite', time);
  const size = Math.round(logits.length / tokens.length) || 1;
  requireLength(where, logits, size * tokens.length, 'logits');
  requireTokens(where, tokens, size);
  const logs = Float64Array.from(logits);
  for (let start = 0; start < logs.length; start += size) {
    const row = logs.subarray(start, start + size);
    const total = logSumExp(row);
    requireFinite(where, 'the sum of exp(logits)', total);
    row.forEach((value, i) => (row[i] = value - total));
  }
  return { rate, size, logs };
}

/**
 * x_t of the mixture path (Gat et al., "Discrete flow matching", 2024): each token is still noise with probability
 * sigma(t), that is where its uniform number lies below.
 * @throws LatteFlowError `invalid-argument` for t outside [0, 1] or a path without alpha + sigma = 1, `shape-mismatch`.
 */
export function mixTokens(
  path: Path,
  { data, noise, time, uniforms }: { data: Tokens; noise: Tokens; time: number; uniforms: ArrayLike<number> },
): Int32Array {
  const share = shareOfNoise('mixTokens', path, time);
  requireLength('mixTokens', noise, data.length, 'noise');
  requireLength('mixTokens', uniforms, data.length, 'uniforms');
  return Int32Array.from(data, (token, i) => (uniforms[i]! < share ? noise[i]! : token));
}

/**
 * Rates of change of the probability of each token, `[N, V]`: alpha' / (1 - alpha) (p(x_1 | x_t) - delta(x_t)). Rows sum
 * to 0. A new float64 array.
 * @throws LatteFlowError `invalid-argument` at t = 1, for logits without finite softmax and tokens outside [0, V).
 */
export function tokenVelocity(path: Path, prediction: TokenPrediction): Float64Array {
  const { rate, size, logs } = chainAt('tokenVelocity', path, prediction);
  return logs.map((log, i) => rate * (Math.exp(log) - (prediction.tokens[Math.floor(i / size)] === i % size ? 1 : 0)));
}

/**
 * The generalised Kullback-Leibler loss of the mixture path (Shaul et al., 2024):
 * -alpha' / (1 - alpha) (p(x_t) - delta(x_t, x_1) + (1 - delta(x_t, x_1)) log p(x_1)), by token or over all.
 * @throws LatteFlowError as `tokenVelocity`.
 */
export function generalizedKl(
  path: Path,
  options: TokenPrediction & { readonly data: Tokens; readonly reduction: 'none' },
): Float64Array;
export function generalizedKl(
  path: Path,
  options: TokenPrediction & { readonly data: Tokens; readonly reduction?: 'mean' | 'sum' },
): number;
export function generalizedKl(
  path: Path,
  { data, reduction = 'mean', ...prediction }: TokenPrediction & { data: Tokens; reduction?: 'none' | 'mean' | 'sum' },
): Float64Array | number {
  const { tokens } = prediction;
  const { rate, size, logs } = chainAt('generalizedKl', path, prediction);
  requireLength('generalizedKl', data, tokens.length, 'data');
  requireTokens('generalizedKl', data, size);
  const losses = Float64Array.from(tokens, (token, i) => {
    const known = token === data[i];
    const stays = Math.exp(logs[i * size + token]!);
    return -rate * (known ? stays - 1 : stays + logs[i * size + data[i]!]!);
  });
  if (reduction === 'none') return losses;
  const sum = losses.reduce((total, loss) => total + loss, 0);
  return reduction === 'sum' ? sum : sum / losses.length;
}

/**
 * One Euler step of the continuous-time Markov chain from `time` to `end`: with probability
 * 1 - exp(-(end - time) alpha' / (1 - alpha)), at t = 1 always, a token becomes a draw of the posterior. `uniforms` are
 * 2 N numbers in (0, 1): N that decide, N that draw.
 * @throws LatteFlowError as `tokenVelocity`; `invalid-argument` unless time <= end <= 1.
 */
export function tokenEulerStep(
  path: Path,
  { end, uniforms, ...prediction }: TokenPrediction & { readonly end: number; readonly uniforms: ArrayLike<number> },
): Int32Array {
  const { tokens, time } = prediction;
  const { rate, size, logs } = chainAt('tokenEulerStep', path, prediction);
  requireFinite('tokenEulerStep', 'end', end, { min: time, max: 1 });
  requireLength('tokenEulerStep', uniforms, 2 * tokens.length, 'uniforms');
  const jump = end === 1 ? 1 : -Math.expm1(-(end - time) * rate);
  return Int32Array.from(tokens, (token, i) => {
    if (uniforms[i]! >= jump) return token;
    let left = uniforms[tokens.length + i]!;
    let drawn = -1;
    while (left >= 0 && drawn < size - 1) left -= Math.exp(logs[i * size + ++drawn]!);
    return drawn;
  });
}
