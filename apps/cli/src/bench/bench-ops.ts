import { dispose, grads, tidy, type Tensor } from '@tensorflow/tfjs-core';

import { measure, valuesOf, type MeasureOptions } from './measure.ts';
import { opCases, type OpCase } from './op-cases.ts';
import { TensorDraw } from './philox-tensors.ts';
import { contender, ourContenders, scaledError, type BenchResult, type Pass } from './result.ts';
import { shapes, type ShapeName } from './shapes.ts';

const BYTES = 4;
/** A product's gradient is two more products. */
const GRADIENT_FLOPS = 3;
/** What the kernels' results are compared with. */
const REFERENCE = contender('portable');

const sizeOf = (tensors: readonly Tensor[]): number => tensors.reduce((sum, { size }) => sum + size, 0);

/** One op at the sizes of a shape: forward, and forward with its gradient by every input. */
export async function* benchOp(
  op: string,
  { shape, ...options }: { shape: ShapeName } & MeasureOptions,
): AsyncGenerator<BenchResult> {
  const draw = new TensorDraw();
  const { inputs, constants = [], run, flops, hasPrecision = false }: OpCase = opCases[op]!(shapes[shape], draw);
  const forward = (...differentiated: Tensor[]): Tensor => run(...differentiated, ...constants);
  const example = tidy(() => run(...inputs, ...constants));
  const dy = draw.normal(example.shape);
  const moved = sizeOf([...inputs, ...constants, example]);
  example.dispose();
  const passes: { pass: Pass; step: () => Tensor[]; flops?: number; bytes: number }[] = [
    { pass: 'forward', step: () => [forward(...inputs)], flops, bytes: BYTES * moved },
    {
      pass: 'gradient',
      step: () => grads(forward)([...inputs], dy),
      flops: flops === undefined ? undefined : GRADIENT_FLOPS * flops,
      // What forward moves; then dy and the inputs again, and their gradients.
      bytes: BYTES * (moved + dy.size + sizeOf(constants) + 2 * sizeOf(inputs)),
    },
  ];
  try {
    for (const { pass, step, ...cost } of passes) {
      const expected = await valuesOf(REFERENCE, step);
      for (const one of ourContenders()) {
        if (one.precision !== 'float32' && !hasPrecision) continue;
        const error = one.engine === 'portable' ? null : scaledError(await valuesOf(one, step), expected);
        const labels = { name: op, shape, pass, error, error_against: REFERENCE.engine };
        yield* await measure({ ...labels, contender: one, step, ...cost }, options);
      }
    }
  } finally {
    dispose([...inputs, ...constants, dy]);
  }
}
