/**
 * Every op of this package by its definition: plain loops in float64 over explicit indices, to be read rather than
 * to be fast. Nothing here shares code with the ops.
 */
export interface NdArray {
  readonly shape: readonly number[];
  readonly values: Float64Array;
}

/** Builds an array from its value at each index. */
export function build(shape: readonly number[], valueAt: (...index: number[]) => number): NdArray {
  const values = new Float64Array(shape.reduce((product, size) => product * size, 1));
  const index = shape.map(() => 0);
  for (let at = 0; at < values.length; at++) {
    values[at] = valueAt(...index);
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      if (++index[axis]! < shape[axis]!) break;
      index[axis] = 0;
    }
  }
  return { shape, values };
}

export function at({ shape, values }: NdArray, ...index: number[]): number {
  let offset = 0;
  for (let axis = 0; axis < index.length; axis++) offset = offset * shape[axis]! + index[axis]!;
  return values[offset]!;
}

function sumOver(count: number, term: (i: number) => number): number {
  let total = 0;
  for (let i = 0; i < count; i++) total += term(i);
  return total;
}

const sigmoid = (x: number): number => 1 / (1 + Math.exp(-x));
const pointwise = (x: NdArray, f: (value: number) => number): NdArray => ({ ...x, values: x.values.map((v) => f(v)) });

/** 2 / sqrt(pi) e^(-x^2) sum of 2^n x^(2n+1) / (2n+1)!!: terms of one sign, so nothing cancels. */
export function erf(x: number): number {
  if (Math.abs(x) > 6) return Math.sign(x); // 1 - erf(6) = 2e-17
  let term = x;
  let total = 0;
  for (let n = 0; Math.abs(term) > 1e-18 * Math.abs(total); n++) {
    total += term;
    term *= (2 * x * x) / (2 * n + 3);
  }
  return (2 / Math.sqrt(Math.PI)) * Math.exp(-x * x) * total;
}

export const silu = (x: NdArray): NdArray => pointwise(x, (v) => v * sigmoid(v));
export const gelu = (x: NdArray): NdArray => pointwise(x, (v) => (v / 2) * (1 + erf(v / Math.SQRT2)));
export const geluTanh = (x: NdArray): NdArray =>
  pointwise(x, (v) => (v / 2) * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (v + 0.044715 * v ** 3))));
export const quickGelu = (x: NdArray): NdArray => pointwise(x, (v) => v * sigmoid(1.702 * v));

/** gate and up [..., I]. */
export function swiglu(gate: NdArray, up: NdArray): NdArray {
  return build(gate.shape, (...i) => at(gate, ...i) * sigmoid(at(gate, ...i)) * at(up, ...i));
}

/** x [..., I], weight [O, I], bias [O] -> [..., O]. */
export function linear(x: NdArray, weight: NdArray, bias?: NdArray): NdArray {
  const [outputs, inputs] = weight.shape as [number, number];
  return build([...x.shape.slice(0, -1), outputs], (...index) => {
    const o = index.pop()!;
    return sumOver(inputs, (i) => at(x, ...index, i) * at(weight, o, i)) + (bias === undefined ? 0 : at(bias, o));
  });
}

/** x [..., D], weight [D]. */
export function rmsNorm(x: NdArray, weight: NdArray, eps: number): NdArray {
  const width = weight.shape[0]!;
  const meanSquare = build(x.shape.slice(0, -1), (...row) => sumOver(width, (i) => at(x, ...row, i) ** 2) / width);
  return build(x.shape, (...index) => {
    const row = index.slice(0, -1);
    return (at(weight, index.at(-1)!) * at(x, ...index)) / Math.sqrt(at(meanSquare, ...row) + eps);
  });
}

/** x [..., D], weight and bias [D]. */
export function layerNorm(x: NdArray, weight: NdArray, bias: NdArray, eps: number): NdArray {
  const width = weight.shape[0]!;
  const rows = x.shape.slice(0, -1);
  const mean = build(rows, (...row) => sumOver(width, (i) => at(x, ...row, i)) / width);
  const variance = build(rows, (...row) => sumOver(width, (i) => (at(x, ...row, i) - at(mean, ...row)) ** 2) / width);
  return build(x.shape, (...index) => {
    const row = index.slice(0, -1);
    const channel = index.at(-1)!;
    const normalised = (at(x, ...index) - at(mean, ...row)) / Math.sqrt(at(variance, ...row) + eps);
    return at(weight, channel) * normalised + at(bias, channel);
  });
}

/** x [B, N, D], scale and shift [B, D]. */
export function modulate(x: NdArray, scale: NdArray, shift: NdArray): NdArray {
  return build(x.shape, (b, n, d) => at(x, b!, n!, d!) * (1 + at(scale, b!, d!)) + at(shift, b!, d!));
}

/** x and y [B, N, D], scale [B, D]. */
export function gatedAdd(x: NdArray, scale: NdArray, y: NdArray): NdArray {
  return build(x.shape, (b, n, d) => at(x, b!, n!, d!) + at(scale, b!, d!) * at(y, b!, n!, d!));
}

/** ids [B, S], table [V, D] -> [B, S, D]. */
export function embed(ids: NdArray, table: NdArray): NdArray {
  return build([...ids.shape, table.shape[1]!], (b, s, d) => at(table, at(ids, b!, s!), d!));
}

/** logits [M, V], labels and weights [M] -> []. */
export function softmaxCrossEntropy(logits: NdArray, labels: NdArray, weights: NdArray): NdArray {
  const [rows, classes] = logits.shape as [number, number];
  const total = sumOver(rows, (m) => at(weights, m));
  const loss = sumOver(rows, (m) => {
    if (at(weights, m) === 0) return 0;
    const top = Math.max(...logits.values.subarray(m * classes, (m + 1) * classes));
    const logTotal = Math.log(sumOver(classes, (v) => Math.exp(at(logits, m, v) - top)));
    return at(weights, m) * (logTotal - (at(logits, m, at(labels, m)) - top));
  });
  return build([], () => (total === 0 ? 0 : loss / total));
}

/** x [..., D] -> [D]. */
export function sumRows(x: NdArray): NdArray {
  const width = x.shape.at(-1)!;
  return build([width], (d) => sumOver(x.values.length / width, (row) => x.values[row * width + d!]!));
}

/** x [B, N, D] -> [B, D]. */
export function sumTokens(x: NdArray): NdArray {
  const [batch, tokens, width] = x.shape as [number, number, number];
  return build([batch, width], (b, d) => sumOver(tokens, (n) => at(x, b!, n, d!)));
}

/** prediction and target [...] -> []. */
export function meanSquaredError(prediction: NdArray, target: NdArray): NdArray {
  const size = prediction.values.length;
  return build([], () => sumOver(size, (i) => (prediction.values[i]! - target.values[i]!) ** 2) / size);
}
