import { add, grads, memory, mul, sum, tensor, type Scalar, type Tensor } from '@tensorflow/tfjs-core';

import { hostInputs, type ConformanceCase, type Input } from './case.ts';
import { finiteDifferences, functionalOf } from './finite-differences.ts';

export interface Measurement {
  /** The largest error of any output, relative to the largest value of that output. */
  readonly value: number;
  /** The same for the gradient with respect to each differentiable input; absent where there is none. */
  readonly gradient?: number;
  /** Tensors that were left after everything returned was disposed of. */
  readonly leaked: number;
}

/** max |got - expected| / max |expected|; 0 for an exact zero, Infinity for anything else than an expected zero. */
function scaledError(got: ArrayLike<number>, expected: Float64Array, cancelling = 0): number {
  if (got.length !== expected.length)
    throw new RangeError(`${got.length} values where ${expected.length} are expected`);
  let largest = cancelling;
  let error = 0;
  expected.forEach((value, i) => {
    largest = Math.max(largest, Math.abs(value));
    error = Math.max(error, Math.abs(got[i]! - value)); // NaN stays NaN
  });
  return error === 0 ? 0 : error / largest;
}

const upload = ({ values, shape, dtype }: Input): Tensor => tensor(values, [...shape], dtype);

async function read(tensors: Readonly<Record<string, Tensor>>): Promise<Record<string, ArrayLike<number>>> {
  const entries = Object.entries(tensors).map(async ([name, x]) => [name, await x.data()] as const);
  return Object.fromEntries(await Promise.all(entries));
}

function errors(
  got: Readonly<Record<string, ArrayLike<number>>>,
  expected: Readonly<Record<string, Float64Array>>,
  cancelling?: number,
): number {
  if (Object.keys(got).sort().join() !== Object.keys(expected).sort().join()) {
    throw new RangeError(`got ${Object.keys(got).join()}, expected ${Object.keys(expected).join()}`);
  }
  return Math.max(...Object.entries(expected).map(([name, values]) => scaledError(got[name]!, values, cancelling)));
}

const expectedGradients = new WeakMap<ConformanceCase, Record<string, Float64Array>>();

/** Compares an op with its definition on the current backend: values, gradients, tensors left behind. */
export async function measure(conformance: ConformanceCase): Promise<Measurement> {
  const tensors = Object.fromEntries(Object.entries(conformance.inputs).map(([name, x]) => [name, upload(x)]));
  const before = memory().numTensors;

  const expected = conformance.reference(hostInputs(conformance));
  const outputs = conformance.run(tensors);
  const got = await read(outputs);
  const shapes = Object.entries(outputs).map(([name, { shape }]) => [name, shape] as const);
  Object.values(outputs).forEach((output) => output.dispose());
  for (const [name, shape] of shapes) {
    if (shape.join() !== expected[name]?.shape.join()) throw new RangeError(`${name} has shape [${shape.join()}]`);
  }
  const expectedValues = Object.fromEntries(Object.entries(expected).map(([name, { values }]) => [name, values]));
  const value = errors(got, expectedValues);

  const differentiable = Object.keys(tensors).filter((name) => conformance.inputs[name]!.differentiable);
  let gradient: number | undefined;
  if (differentiable.length > 0) {
    const functional = functionalOf(expected);
    const gradientsOf = grads((...moved: Tensor[]): Scalar => {
      const inputs = { ...tensors, ...Object.fromEntries(differentiable.map((name, i) => [name, moved[i]!])) };
      const terms = Object.entries(conformance.run(inputs)).map(([name, y]) =>
        sum(mul(y, tensor(functional[name]!, y.shape))),
      );
      return terms.reduce((total, term) => add(total, term)) as Scalar;
    });
    const gradients = gradientsOf(differentiable.map((name) => tensors[name]!));
    const gotGradients = await read(Object.fromEntries(gradients.map((x, i) => [differentiable[i]!, x])));
    gradients.forEach((x) => x.dispose());
    if (!expectedGradients.has(conformance)) expectedGradients.set(conformance, finiteDifferences(conformance));
    gradient = errors(gotGradients, expectedGradients.get(conformance)!, conformance.cancelling);
  }

  const leaked = memory().numTensors - before;
  Object.values(tensors).forEach((x) => x.dispose());
  return { value, gradient, leaked };
}
