import { adamW } from '@latte-flow/ops';
import { dispose, mul, scalar, tidy, variable, type Rank, type Tensor, type Variable } from '@tensorflow/tfjs-core';

import { clock } from './clock.ts';
import { valuesOf, type MeasureOptions } from './measure.ts';
import { TensorDraw } from './philox-tensors.ts';
import { ourContenders, rates, runAs, scaledError, type BenchResult, type Engine } from './result.ts';
import { shapes, type ShapeName } from './shapes.ts';

const REFERENCE: Engine = 'portable';
/** Weights and both moments are read and written, the gradient is read: 4 bytes each. */
const BYTES_A_WEIGHT = 7 * 4;

/** One update of the weights of one layer, in place. */
export async function* benchAdamW(shape: ShapeName, options: MeasureOptions): AsyncGenerator<BenchResult> {
  const { width, intermediate } = shapes[shape];
  const length = 4 * width ** 2 + 3 * width * intermediate;
  const draw = new TensorDraw();
  const [initial, gradient, factor] = [draw.normal([length]), draw.normal([length]), scalar(1)];
  // In memory of their own: they are updated in place.
  const vector = (factor: number): Variable<Rank.R1> =>
    tidy(() => variable(mul(initial, factor), false) as Variable<Rank.R1>);
  let expected: Float32Array[] | undefined;
  try {
    const contenders = ourContenders().filter(({ precision }) => precision === 'float32');
    for (const one of contenders.toReversed()) {
      const state = { weights: vector(1), firstMoment: vector(0), secondMoment: vector(0) };
      let step = 0;
      const update = (): void =>
        adamW(state, gradient as Tensor<Rank.R1>, {
          learningRate: 1e-4,
          step: ++step,
          betas: [0.9, 0.999],
          epsilon: 1e-8,
          weightDecay: 0.01,
          factor,
        });
      try {
        const updated = await valuesOf(one, () => (update(), [state.weights.clone()]));
        expected ??= updated;
        const timing = await clock(() => runAs(one, update), options);
        yield {
          name: 'adamw',
          shape,
          pass: 'update',
          ...one,
          mode: 'enqueued',
          ...timing,
          dispatches: null,
          ...rates(timing.ms, { bytes: BYTES_A_WEIGHT * length }),
          error: one.engine === REFERENCE ? null : scaledError(updated, expected),
          error_against: REFERENCE,
        };
      } finally {
        dispose(state);
      }
    }
  } finally {
    dispose([initial, gradient, factor]);
  }
}
