import { meanSquaredError, withKernels } from '@latte-flow/ops';
import { webgpuDevice } from '@latte-flow/runtime';
import { AdamW, layOutBlocks } from '@latte-flow/trainer';
import {
  dispose,
  mean,
  square,
  sub,
  tidy,
  train,
  variable,
  variableGrads,
  type Scalar,
  type Tensor,
  type Variable,
} from '@tensorflow/tfjs-core';

import { clock } from './clock.ts';
import { measure, valuesOf, type MeasureOptions } from './measure.ts';
import { TensorDraw } from './philox-tensors.ts';
import { drawLayers, runLayers, runStockLayers, type PlainLayer } from './plain-layer.ts';
import { kernelsOf, rates, scaledError, type BenchResult, type Engine } from './result.ts';
import { forwardFlops, shapes, trainedShapes, type ShapeName } from './shapes.ts';

const LEARNING_RATE = 1e-4;
/** What the others' results are compared with. */
const REFERENCE: Engine = 'tensorflow.js';

/** Where there are kernels, both sides of every op. */
export function engines(): Engine[] {
  return webgpuDevice() === undefined ? ['portable'] : ['fused', 'portable'];
}

const forwardBy = (engine: Engine) => (engine === 'tensorflow.js' ? runStockLayers : runLayers);

/** The stack of plain layers: forward pass and, where the shape is trained, a training step. */
export async function* benchLayers(name: ShapeName, options: MeasureOptions): AsyncGenerator<BenchResult> {
  const { layers: _, width, batch, tokens, heads } = shapes[name];
  const draw = new TensorDraw();
  const layers = drawLayers(shapes[name], draw);
  const x = draw.normal([batch, tokens, width]);
  try {
    const step = (engine: Engine) => (): Tensor[] => [forwardBy(engine)(x, layers, heads)];
    const expected = await valuesOf(REFERENCE, step(REFERENCE));
    for (const engine of [...engines(), REFERENCE]) {
      yield* await measure(
        {
          name: 'layers',
          shape: name,
          pass: 'forward',
          engine,
          step: step(engine),
          flops: forwardFlops(shapes[name]),
          error: engine === REFERENCE ? null : scaledError(await valuesOf(engine, step(engine)), expected),
          error_against: REFERENCE,
        },
        options,
      );
    }
    if (trainedShapes.includes(name)) yield* benchTraining(name, { layers, x, ...options });
  } finally {
    dispose([x, ...layers.map((layer) => ({ ...layer }))]);
  }
}

/** Mean squared error against a target, gradients of all weights, and their update. */
async function* benchTraining(
  name: ShapeName,
  { layers: initial, x, ...options }: { layers: readonly PlainLayer[]; x: Tensor } & MeasureOptions,
): AsyncGenerator<BenchResult> {
  const { heads } = shapes[name];
  const target = new TensorDraw().normal(x.shape);
  let expected: Float32Array[] | undefined;
  try {
    for (const engine of [REFERENCE, ...engines()]) {
      const layers = initial.map(trainable);
      const variables = layers.flatMap((layer) => Object.values<Variable>({ ...layer }));
      const loss = (): Scalar =>
        engine === 'tensorflow.js'
          ? mean(square(sub(runStockLayers(x, layers, heads), target)))
          : meanSquaredError(runLayers(x, layers, heads), target);
      const optimizer = engine === 'tensorflow.js' ? stockOptimizer(loss, variables) : ourOptimizer(loss, variables);
      try {
        const gradients = await valuesOf(engine, () => {
          const { grads } = variableGrads(loss, variables);
          return variables.map((weights) => grads[weights.name]!);
        });
        expected ??= gradients;
        const error = engine === REFERENCE ? null : scaledError(gradients, expected);
        const timing = await clock(() => withKernels(kernelsOf(engine), optimizer.step), options);
        yield {
          name: 'layers',
          shape: name,
          pass: 'training step',
          engine,
          mode: 'enqueued',
          ...timing,
          ...rates(timing.ms, { flops: 3 * forwardFlops(shapes[name]) }),
          dispatches: null,
          error,
          error_against: REFERENCE,
        };
      } finally {
        optimizer.dispose();
        dispose(variables);
      }
    }
  } finally {
    target.dispose();
  }
}

function trainable(layer: PlainLayer): PlainLayer<Variable> {
  const entries = Object.entries<Tensor>({ ...layer }).map(([name, weights]) => [name, variable(weights)]);
  return Object.fromEntries(entries) as PlainLayer<Variable>;
}

interface TrainingStep {
  readonly step: () => void;
  dispose(): void;
}

function ourOptimizer(loss: () => Scalar, variables: readonly Variable[]): TrainingStep {
  const blocks = layOutBlocks(new Map(variables.map((weights) => [weights.name, weights])), () => 'layers');
  const [block] = blocks;
  const optimizer = new AdamW(blocks);
  const step = (): void =>
    tidy(() => {
      const { grads } = variableGrads(loss, [...variables]);
      optimizer.update(new Map([[block!, block!.gradients(grads)!]]), { learningRate: LEARNING_RATE });
    });
  return { step, dispose: () => optimizer.dispose() };
}

/** Adam: TensorFlow.js has no decoupled decay. */
function stockOptimizer(loss: () => Scalar, variables: readonly Variable[]): TrainingStep {
  const optimizer = train.adam(LEARNING_RATE);
  const step = (): void => void optimizer.minimize(loss, false, [...variables]);
  return { step, dispose: () => optimizer.dispose() };
}
