import { meanSquaredError } from '@latte-flow/ops';
import { AdamW, layOutBlocks } from '@latte-flow/trainer';
import {
  dispose,
  mean,
  mul,
  scalar,
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

import { halfPrecisionScale } from '../train/loss-scale.ts';
import type { PlainLayer } from './layer-weights.ts';
import { measure, valuesOf, type MeasureOptions } from './measure.ts';
import { TensorDraw } from './philox-tensors.ts';
import { runLayers, runStockLayers } from './plain-layer.ts';
import { contender, ourContenders, scaledError, type BenchResult, type Contender } from './result.ts';
import { forwardFlops, shapes, type ShapeName } from './shapes.ts';

const LEARNING_RATE = 1e-4;
/** A gradient is two more products for each of the forward pass. */
const TRAINING_FLOPS = 3;
/** What the others' gradients are compared with. */
const STOCK = contender('tensorflow.js');

interface TrainingStep {
  readonly step: () => void;
  dispose(): void;
}

/** A loss times `scale`, which its gradients are to be divided by. */
const scaled = (loss: () => Scalar, scale: number) => () => (scale === 1 ? loss() : (mul(loss(), scale) as Scalar));

/** Gradients and AdamW, as the trainer does it: of the loss times `scale`. */
export function ourStep(loss: () => Scalar, variables: readonly Variable[], scale = 1): TrainingStep {
  const [block] = layOutBlocks(new Map(variables.map((weights) => [weights.name, weights])), () => 'layers');
  const optimizer = new AdamW([block!]);
  const step = (): void =>
    tidy(() => {
      const { grads } = variableGrads(scaled(loss, scale), [...variables]);
      const factor = scalar(1 / scale);
      optimizer.update(new Map([[block!, block!.gradients(grads)!]]), { learningRate: LEARNING_RATE, factor });
    });
  return { step, dispose: () => optimizer.dispose() };
}

/** Adam: TensorFlow.js has no decoupled decay. */
function stockStep(loss: () => Scalar, variables: readonly Variable[]): TrainingStep {
  const optimizer = train.adam(LEARNING_RATE);
  return {
    step: () => void optimizer.minimize(loss, false, [...variables]),
    dispose: () => optimizer.dispose(),
  };
}

export function trainable({ ...weights }: PlainLayer): PlainLayer {
  const entries = Object.entries<Tensor>(weights).map(([name, value]) => [name, variable(value)]);
  return Object.fromEntries(entries) as PlainLayer;
}

/** Mean squared error against a target, gradients by all weights, and their update. */
export async function* benchTraining(
  shape: ShapeName,
  { layers: initial, x, ...options }: { layers: readonly PlainLayer[]; x: Tensor } & MeasureOptions,
): AsyncGenerator<BenchResult> {
  const { heads } = shapes[shape];
  const target = new TensorDraw().normal(x.shape);
  let expected: Float32Array[] | undefined;
  try {
    for (const one of [STOCK, ...ourContenders()]) {
      const layers = initial.map(trainable);
      const variables = layers.flatMap(({ ...weights }) => Object.values(weights) as Variable[]);
      const loss = (): Scalar =>
        one === STOCK
          ? mean(square(sub(runStockLayers(x, layers, heads), target)))
          : meanSquaredError(runLayers(x, layers, heads), target);
      const scale = one.precision === 'float16' ? halfPrecisionScale(x.size) : 1;
      const training = one === STOCK ? stockStep(loss, variables) : ourStep(loss, variables, scale);
      try {
        const gradients = await gradientsOf(one, { loss, scale, variables });
        expected ??= gradients;
        const error = one === STOCK ? null : scaledError(gradients, expected);
        const labels = { name: 'layers', shape, pass: 'training step', error, error_against: STOCK.engine } as const;
        const step = (): Tensor[] => (training.step(), []);
        const flops = TRAINING_FLOPS * forwardFlops(shapes[shape]);
        yield* await measure({ ...labels, contender: one, step, flops, recorded: one.engine === 'fused' }, options);
      } finally {
        training.dispose();
        dispose(variables);
      }
    }
  } finally {
    target.dispose();
  }
}

function gradientsOf(
  one: Contender,
  { loss, scale, variables }: { loss: () => Scalar; scale: number; variables: Variable[] },
): Promise<Float32Array[]> {
  return valuesOf(one, () => {
    const { grads } = variableGrads(scaled(loss, scale), variables);
    return variables.map((weights) => mul(grads[weights.name]!, 1 / scale));
  });
}
