import { meanSquaredError, watchProducts, type TunableProduct } from '@latte-flow/ops';
import { grads, tidy, type Tensor } from '@tensorflow/tfjs-core';

import { drawHalfLayers, drawLayers, type PlainLayer } from './layer-weights.ts';
import { TensorDraw } from './philox-tensors.ts';
import { runLayers } from './plain-layer.ts';
import { ourContenders, runAs } from './result.ts';
import { shapes, trainedShapes, type ShapeName } from './shapes.ts';

/** The products that the layers of a shape run on WebGPU, in every precision; of trained shapes the gradients' too. */
export async function layerProducts(name: ShapeName): Promise<TunableProduct[]> {
  const shape = { ...shapes[name], layers: 1 };
  const { batch, tokens, width, heads } = shape;
  const x = new TensorDraw().normal([batch, tokens, width]);
  const [full, halves] = [drawLayers(shape), await drawHalfLayers(shape)];
  const watch = watchProducts();
  try {
    const weights = Object.values<Tensor>({ ...full.layers[0]! });
    const names = Object.keys(full.layers[0]!);
    const layerOf = (tensors: readonly Tensor[]): PlainLayer =>
      Object.fromEntries(names.map((key, i) => [key, tensors[i]!])) as unknown as PlainLayer;
    const loss = (input: Tensor, ...tensors: Tensor[]): Tensor =>
      meanSquaredError(runLayers(input, [layerOf(tensors)], heads), x);
    for (const one of ourContenders().filter(({ engine }) => engine === 'fused')) {
      tidy(() => void runAs(one, () => runLayers(x, full.layers, heads)));
      if (trainedShapes.includes(name)) tidy(() => void runAs(one, () => grads(loss)([x, ...weights])));
    }
    tidy(() => void runLayers(x, halves.layers, heads));
  } finally {
    watch.stop();
    x.dispose();
    full.dispose();
    halves.dispose();
  }
  return watch.stop();
}
