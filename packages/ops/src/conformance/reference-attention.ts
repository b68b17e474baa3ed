import { at, build, type NdArray } from './reference.ts';

export interface RopeReference {
  /** [axes][batch][token] */
  readonly positions: readonly (readonly (readonly number[])[])[];
  readonly headDim: number;
  readonly theta: number;
  /** How many frequencies each run of channels holds; run i takes its position from axis i mod axes. */
  readonly sections: readonly number[];
}

/** cos and sin [B, S, E] of position theta^(-2 i / E), frequency i in channels i and i + E / 2. */
export function ropeTables({ positions, headDim, theta, sections }: RopeReference): Record<'cos' | 'sin', NdArray> {
  const half = headDim / 2;
  const axisOf = (frequency: number): number => {
    let run = 0;
    for (let end = sections[0]!; frequency >= end; end += sections[run]!) run++;
    return run % positions.length;
  };
  const angle = (b: number, s: number, e: number): number =>
    positions[axisOf(e % half)]![b]![s]! / theta ** ((2 * (e % half)) / headDim);
  const shape = [positions[0]!.length, positions[0]![0]!.length, headDim];
  return {
    cos: build(shape, (b, s, e) => Math.cos(angle(b!, s!, e!))),
    sin: build(shape, (b, s, e) => Math.sin(angle(b!, s!, e!))),
  };
}

/** Turns the pair (x_i, x_{i + E/2}) by its angle; x [B, H, S, E], cos and sin [B, S, E]. */
export function applyRope(x: NdArray, { cos, sin }: Record<'cos' | 'sin', NdArray>): NdArray {
  const half = x.shape[3]! / 2;
  return build(x.shape, (b, h, s, e) => {
    const partner = e! < half ? -at(x, b!, h!, s!, e! + half) : at(x, b!, h!, s!, e! - half);
    return at(x, b!, h!, s!, e!) * at(cos, b!, s!, e!) + partner * at(sin, b!, s!, e!);
  });
}

export interface AttentionReference {
  /** [B, H, N, E] */
  readonly query: NdArray;
  /** [B, G, N, E], as `value`. */
  readonly key: NdArray;
  readonly value: NdArray;
  /** [B, G, T, E], as `contextValue`. */
  readonly contextKey?: NdArray;
  readonly contextValue?: NdArray;
  /** [B, N] and [B, T], 1 = visible. */
  readonly mask?: NdArray;
  readonly contextMask?: NdArray;
  readonly causal?: boolean;
  readonly form?: 'scores' | 'probabilities';
  /** [B, H, N, N] and [B, H]. */
  readonly previous?: NdArray;
  readonly gate?: NdArray;
}

/** output [B, H, N, E], and with a form the own block's map [B, H, N, N] after its residual was added. */
export function attention(inputs: AttentionReference): { output: NdArray; map?: NdArray } {
  const { query, key, value, contextKey, contextValue, mask, contextMask, causal, form, previous, gate } = inputs;
  const [batch, heads, tokens, width] = query.shape as [number, number, number, number];
  const perGroup = heads / key.shape[1]!;
  const contextTokens = contextKey?.shape[2] ?? 0;
  const total = contextTokens + tokens;
  const isOwn = (j: number): boolean => j >= contextTokens;

  // Key j of the row "context, then own block", as head h's group holds it.
  const keyAt = (b: number, h: number, j: number, e: number): number =>
    isOwn(j)
      ? at(key, b, Math.floor(h / perGroup), j - contextTokens, e)
      : at(contextKey!, b, Math.floor(h / perGroup), j, e);
  const valueAt = (b: number, h: number, j: number, e: number): number =>
    isOwn(j)
      ? at(value, b, Math.floor(h / perGroup), j - contextTokens, e)
      : at(contextValue!, b, Math.floor(h / perGroup), j, e);
  const isVisible = (b: number, i: number, j: number): boolean => {
    if (!isOwn(j)) return contextMask === undefined || at(contextMask, b, j) === 1;
    const own = j - contextTokens;
    return (mask === undefined || at(mask, b, own) === 1) && !(causal === true && own > i);
  };
  const isBlind = (b: number, i: number): boolean => {
    for (let j = 0; j < total; j++) if (isVisible(b, i, j)) return false;
    return true;
  };
  const residual = (b: number, h: number, i: number, j: number): number =>
    isOwn(j) && previous !== undefined ? at(gate!, b, h) * at(previous, b, h, i, j - contextTokens) : 0;

  const scores = build([batch, heads, tokens, total], (b, h, i, j) => {
    let dot = 0;
    for (let e = 0; e < width; e++) dot += at(query, b!, h!, i!, e) * keyAt(b!, h!, j!, e);
    return dot / Math.sqrt(width) + (form === 'scores' ? residual(b!, h!, i!, j!) : 0);
  });
  const softmax = build(scores.shape, (b, h, i, j) => {
    if (!isVisible(b!, i!, j!)) return 0;
    let sum = 0;
    for (let other = 0; other < total; other++) {
      if (isVisible(b!, i!, other)) sum += Math.exp(at(scores, b!, h!, i!, other) - at(scores, b!, h!, i!, j!));
    }
    return 1 / sum;
  });
  const weights =
    form === 'probabilities'
      ? build(softmax.shape, (b, h, i, j) => at(softmax, b!, h!, i!, j!) + residual(b!, h!, i!, j!))
      : softmax;
  const output = build(query.shape, (b, h, i, e) => {
    if (isBlind(b!, i!)) return 0;
    let sum = 0;
    for (let j = 0; j < total; j++) sum += at(weights, b!, h!, i!, j) * valueAt(b!, h!, j, e!);
    return sum;
  });
  if (form === undefined) return { output };
  const carried = form === 'scores' ? scores : weights;
  const map = build([batch, heads, tokens, tokens], (b, h, i, j) => at(carried, b!, h!, i!, contextTokens + j!));
  return { output, map };
}
