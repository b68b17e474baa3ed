import { encodeFloat16, decodeFloat16 } from '@latte-flow/checkpoint';
import { elementCount, type Shape } from '@latte-flow/core';
import { ParameterStore, type PackedValues, type ParameterValues, type Weight } from '@latte-flow/runtime';
import type { Tensor } from '@tensorflow/tfjs-core';

import { normals } from './philox-tensors.ts';
import type { LayerShape } from './shapes.ts';

/**
 * Weights of one layer of tooling/benchmark/layers.py: RMSNorm, projections without bias, softmax attention, output
 * projection, add; RMSNorm, SwiGLU, add. Query, key and value have a weight each, as in the models.
 */
export interface PlainLayer<W extends Weight = Tensor> {
  /** `[D, D]` */
  readonly query: W;
  readonly key: W;
  readonly value: W;
  readonly out: W;
  /** `[I, D]` */
  readonly gate: W;
  readonly up: W;
  /** `[D, I]` */
  readonly down: W;
  /** `[D]` */
  readonly attentionNorm: Tensor;
  readonly mlpNorm: Tensor;
}

function layerShapes({ width, intermediate }: LayerShape): Record<keyof PlainLayer, Shape> {
  return {
    query: [width, width],
    key: [width, width],
    value: [width, width],
    out: [width, width],
    gate: [intermediate, width],
    up: [intermediate, width],
    down: [width, intermediate],
    attentionNorm: [width],
    mlpNorm: [width],
  };
}

/** The weights by name, `0.query`: products that keep the activations' size, norms around 1. The same at every call. */
export function* layerValues(shape: LayerShape): Generator<[string, ParameterValues]> {
  let place = 0;
  for (let layer = 0; layer < shape.layers; layer++) {
    for (const [name, shapeOf] of Object.entries(layerShapes(shape))) {
      const scale = shapeOf.length === 1 ? 0.1 : 1 / Math.sqrt(shapeOf[1]!);
      const values = normals(elementCount(shapeOf), { place: place++, scale });
      yield [`${layer}.${name}`, { shape: shapeOf, values: shapeOf.length === 1 ? values.map((x) => 1 + x) : values }];
    }
  }
}

function toHalves({ shape, values }: ParameterValues): PackedValues {
  const bits = encodeFloat16(values);
  const codes = new Uint8Array(bits.buffer, bits.byteOffset, bits.byteLength);
  return { shape, dtype: 'float16', codes, byteLength: codes.length, dequantise: () => decodeFloat16(bits) };
}

async function* halfValues(shape: LayerShape): AsyncGenerator<[string, ParameterValues | PackedValues]> {
  for (const [name, value] of layerValues(shape)) yield [name, value.shape.length === 1 ? value : toHalves(value)];
}

function layersOf<W extends Weight>(
  { layers }: LayerShape,
  { weight, tensor }: { weight: (name: string) => W; tensor: (name: string) => Tensor },
): PlainLayer<W>[] {
  return Array.from({ length: layers }, (_, i) => ({
    query: weight(`${i}.query`),
    key: weight(`${i}.key`),
    value: weight(`${i}.value`),
    out: weight(`${i}.out`),
    gate: weight(`${i}.gate`),
    up: weight(`${i}.up`),
    down: weight(`${i}.down`),
    attentionNorm: tensor(`${i}.attentionNorm`),
    mlpNorm: tensor(`${i}.mlpNorm`),
  }));
}

/** Layers and what owns their tensors. */
export interface DrawnLayers<W extends Weight = Tensor> {
  readonly layers: readonly PlainLayer<W>[];
  dispose(): void;
}

/** float32 weights, drawn with Philox. */
export function drawLayers(shape: LayerShape): DrawnLayers {
  const store = ParameterStore.upload(layerValues(shape), { where: 'latte bench' });
  const tensor = (name: string): Tensor => store.get(name);
  return { layers: layersOf(shape, { weight: tensor, tensor }), dispose: () => store.dispose() };
}

/** The same weights in half precision, which lie so on a WebGPU device. */
export async function drawHalfLayers(shape: LayerShape): Promise<DrawnLayers<Weight>> {
  const shapes = layerShapes(shape);
  const names = Array.from({ length: shape.layers }, (_, i) =>
    Object.entries(shapes).map(([name, shapeOf]) => [`${i}.${name}`, { shape: shapeOf }] as const),
  );
  const store = await ParameterStore.load(halfValues(shape), { where: 'latte bench', found: new Map(names.flat()) });
  const weights = { weight: (name: string) => store.weight(name), tensor: (name: string) => store.get(name) };
  return { layers: layersOf(shape, weights), dispose: () => store.dispose() };
}
