import { attention, linear, rmsNorm, swiglu } from '@latte-flow/ops';
import type { Weight } from '@latte-flow/runtime';
import {
  add,
  matMul,
  mean,
  mul,
  reshape,
  rsqrt,
  sigmoid,
  softmax,
  square,
  tidy,
  transpose,
  unstack,
  type Tensor,
  type Tensor3D,
} from '@tensorflow/tfjs-core';

import type { PlainLayer } from './layer-weights.ts';

const EPS = 1e-6;

/** `[B, N, 3 D]` -> query, key and value, `[B, H, N, E]` each. */
function splitHeads(qkv: Tensor, heads: number): Tensor[] {
  const [batch, tokens, width] = qkv.shape as [number, number, number];
  const split = reshape(qkv, [batch, tokens, 3, heads, width / 3 / heads]);
  return unstack(transpose(split, [2, 0, 3, 1, 4]));
}

/** `[B, H, N, E]` -> `[B, N, D]`. */
function joinHeads(x: Tensor): Tensor {
  const [batch, heads, tokens, width] = x.shape as [number, number, number, number];
  return reshape(transpose(x, [0, 2, 1, 3]), [batch, tokens, heads * width]);
}

/**
 * The layers by this project's ops.
 * @param x `[B, N, D]`, borrowed
 * @returns `[B, N, D]`, owned by the caller
 */
export function runLayers(x: Tensor, layers: readonly PlainLayer<Weight>[], heads: number): Tensor {
  return tidy(() =>
    layers.reduce((x, { qkv, out, gate, up, down, attentionNorm, mlpNorm }) => {
      const [query, key, value] = splitHeads(linear(rmsNorm(x, attentionNorm, EPS), qkv), heads);
      const { output } = attention({ query: query!, key: key!, value: value! });
      const attended = linear(joinHeads(output), out, undefined, { residual: x });
      const h = rmsNorm(attended, mlpNorm, EPS);
      return linear(swiglu(linear(h, gate), linear(h, up)), down, undefined, { residual: attended });
    }, x),
  );
}

/** The layers as one writes them with TensorFlow.js alone, gradients left to it. As `runLayers`. */
export function runStockLayers(x: Tensor, layers: readonly PlainLayer[], heads: number): Tensor {
  return tidy(() => layers.reduce((x, layer) => stockLayer(x as Tensor3D, layer, heads), x));
}

function stockNorm(x: Tensor, weight: Tensor): Tensor {
  return mul(mul(x, rsqrt(add(mean(square(x), -1, true), EPS))), weight);
}

function stockLayer(x: Tensor3D, layer: PlainLayer, heads: number): Tensor3D {
  const [batch, tokens, width] = x.shape;
  const project = (rows: Tensor, weight: Tensor): Tensor =>
    reshape(matMul(reshape(rows, [batch * tokens, -1]), weight, false, true), [batch, tokens, -1]);
  const [query, key, value] = splitHeads(project(stockNorm(x, layer.attentionNorm), layer.qkv), heads);
  const scores = matMul(mul(query!, 1 / Math.sqrt(width / heads)), key!, false, true); // [B, H, N, N]
  const attended = add(x, project(joinHeads(matMul(softmax(scores), value!)), layer.out));
  const h = stockNorm(attended, layer.mlpNorm);
  const gate = project(h, layer.gate);
  return add(attended, project(mul(mul(gate, sigmoid(gate)), project(h, layer.up)), layer.down));
}
