import { webgpuDevice, type Weight } from '@latte-flow/runtime';
import type { Tensor } from '@tensorflow/tfjs-core';

import { benchOnnx } from './bench-onnx.ts';
import { benchTraining } from './bench-training.ts';
import { drawHalfLayers, drawLayers, type PlainLayer } from './layer-weights.ts';
import { measure, valuesOf, type MeasureOptions } from './measure.ts';
import { TensorDraw } from './philox-tensors.ts';
import { runLayers, runStockLayers } from './plain-layer.ts';
import { contender, ourContenders, scaledError, type BenchResult, type Contender } from './result.ts';
import { forwardFlops, shapes, trainedShapes, type ShapeName } from './shapes.ts';

/** What the others' results are compared with. */
const STOCK = contender('tensorflow.js');

/** A stack of plain layers: forward pass and, where the shape is trained, a training step. */
export async function* benchLayers(shape: ShapeName, options: MeasureOptions): AsyncGenerator<BenchResult> {
  const { width, batch, tokens, heads } = shapes[shape];
  const drawn = drawLayers(shapes[shape]);
  const x = new TensorDraw().normal([batch, tokens, width]);
  try {
    const stock = (x: Tensor): Tensor => runStockLayers(x, drawn.layers, heads);
    const expected = await valuesOf(STOCK, () => [stock(x)]);
    const forward = async (one: Contender, run: (x: Tensor) => Tensor): Promise<BenchResult[]> => {
      const error = one === STOCK ? null : scaledError(await valuesOf(one, () => [run(x)]), expected);
      const labels = { name: 'layers', shape, pass: 'forward', error, error_against: STOCK.engine } as const;
      const flops = forwardFlops(shapes[shape]);
      return measure({ ...labels, contender: one, step: (x) => [run(x!)], inputs: [x], flops }, options);
    };
    const ours = (layers: readonly PlainLayer<Weight>[]) => (x: Tensor) => runLayers(x, layers, heads);
    for (const one of ourContenders()) yield* await forward(one, ours(drawn.layers));
    yield* await forward(STOCK, stock);
    if (webgpuDevice() !== undefined) {
      const halves = await drawHalfLayers(shapes[shape]);
      try {
        yield* await forward(contender('fused', { precision: 'float16', weights: 'float16' }), ours(halves.layers));
      } finally {
        halves.dispose();
      }
    }
    if (trainedShapes.includes(shape)) yield* benchTraining(shape, { layers: drawn.layers, x, ...options });
    if (options.onnxRuntime !== undefined && webgpuDevice() !== undefined) {
      const onHost = { x: await x.data<'float32'>(), expected: expected[0]! };
      yield await benchOnnx(shape, { runtime: options.onnxRuntime, ...onHost, ...options });
    }
  } finally {
    x.dispose();
    drawn.dispose();
  }
}
