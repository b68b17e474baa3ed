import { attention, joinHeads, linear, projections, rmsNorm, splitHeads, swiglu } from '@latte-flow/ops';
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
  type Tensor,
  type Tensor3D,
} from '@tensorflow/tfjs-core';

import type { PlainLayer } from './layer-weights.ts';

const EPS = 1e-6;

/**
 * The layers by this project's ops.
 * @param x `[B, N, D]`, borrowed
 * @returns `[B, N, D]`, owned by the caller
 */
export function runLayers(x: Tensor, layers: readonly PlainLayer<Weight>[], heads: number): Tensor {
  return tidy(() =>
    layers.reduce((x, { query, key, value, out, gate, up, down, attentionNorm, mlpNorm }) => {
      const normed = rmsNorm(x, attentionNorm, EPS);
      const projected = projections(normed, [{ weight: query }, { weight: key }, { weight: value }]);
      const [q, k, v] = projected.map((rows) => splitHeads(rows, heads)); // [B, H, N, E]
      const { output } = attention({ query: q!, key: k!, value: v! });
      const attended = linear(joinHeads(output), out, undefined, { residual: x });
      const [gated, raised] = projections(rmsNorm(attended, mlpNorm, EPS), [{ weight: gate }, { weight: up }]);
      return linear(swiglu(gated!, raised!), down, undefined, { residual: attended });
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
  const normed = stockNorm(x, layer.attentionNorm);
  const split = (weight: Tensor): Tensor =>
    transpose(reshape(project(normed, weight), [batch, tokens, heads, width / heads]), [0, 2, 1, 3]); // [B, H, N, E]
  const scores = matMul(mul(split(layer.query), 1 / Math.sqrt(width / heads)), split(layer.key), false, true);
  const mixed = transpose(matMul(softmax(scores), split(layer.value)), [0, 2, 1, 3]); // [B, N, H, E]
  const attended = add(x, project(mixed, layer.out));
  const h = stockNorm(attended, layer.mlpNorm);
  const gate = project(h, layer.gate);
  return add(attended, project(mul(mul(gate, sigmoid(gate)), project(h, layer.up)), layer.down));
}
