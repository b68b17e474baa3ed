import { add, grads, memory, mul, sum, tensor, type Scalar, type Tensor } from '@tensorflow/tfjs-core';

import { withKernels } from '../kernel/selection.ts';
import { hostInputs, type ConformanceCase, type Input } from './case.ts';
import { finiteDifferences, functionalOf } from './finite-differences.ts';
import { poisonReleasedBuffers } from './poison.ts';
import type { NdArray } from './reference.ts';
import { asVariant, hasKernels, type Variant } from './variants.ts';

export interface Measurement {
  /** The largest error of any output, relative to the largest value of that output. */
  readonly value: number;
  /** The same for the gradient with respect to each differentiable input; absent where there is none. */
  readonly gradient?: number;
  /** Tensors that were left after everything returned was disposed of. */
  readonly leaked: number;
}

type Tensors = Readonly<Record<string, Tensor>>;
type Values = Readonly<Record<string, ArrayLike<number>>>;

/** max |got - expected| / max |expected|; 0 for an exact zero, Infinity for anything else than an expected zero. */
function scaledError(got: ArrayLike<number>, expected: ArrayLike<number>, cancelling = 0): number {
  if (got.length !== expected.length)
    throw new RangeError(`${got.length} values where ${expected.length} are expected`);
  let largest = cancelling;
  let error = 0;
  for (let i = 0; i < expected.length; i++) {
    largest = Math.max(largest, Math.abs(expected[i]!));
    error = Math.max(error, Math.abs(got[i]! - expected[i]!)); // NaN stays NaN
  }
  return error === 0 ? 0 : error / largest;
}

const upload = ({ values, shape, dtype }: Input): Tensor => tensor(values, [...shape], dtype);

/** The values of tensors, which are disposed of. */
async function take(tensors: Tensors): Promise<Values> {
  const entries = Object.entries(tensors).map(async ([name, x]) => [name, await x.data()] as const);
  const values = Object.fromEntries(await Promise.all(entries));
  Object.values(tensors).forEach((x) => x.dispose());
  return values;
}

function errors(got: Values, expected: Values, cancelling?: number): number {
  if (Object.keys(got).sort().join() !== Object.keys(expected).sort().join()) {
    throw new RangeError(`got ${Object.keys(got).join()}, expected ${Object.keys(expected).join()}`);
  }
  return Math.max(...Object.entries(expected).map(([name, values]) => scaledError(got[name]!, values, cancelling)));
}

function requireShapes(outputs: Tensors, expected: Readonly<Record<string, NdArray>>): void {
  for (const [name, { shape }] of Object.entries(outputs)) {
    if (shape.join() !== expected[name]?.shape.join()) throw new RangeError(`${name} has shape [${shape.join()}]`);
  }
}

/** The gradients of a random functional of all outputs, for each differentiable input. The caller owns them. */
function gradientsOf(
  conformance: ConformanceCase,
  tensors: Tensors,
  functional: Readonly<Record<string, Float32Array>>,
): Tensors {
  const names = Object.keys(tensors).filter((name) => conformance.inputs[name]!.differentiable);
  const differentiate = grads((...moved: Tensor[]): Scalar => {
    const inputs = { ...tensors, ...Object.fromEntries(names.map((name, i) => [name, moved[i]!])) };
    const terms = Object.entries(conformance.run(inputs)).map(([name, y]) =>
      sum(mul(y, tensor(functional[name]!, y.shape))),
    );
    return terms.reduce((total, term) => add(total, term)) as Scalar;
  });
  const gradients = differentiate(names.map((name) => tensors[name]!));
  return Object.fromEntries(gradients.map((gradient, i) => [names[i]!, gradient]));
}

interface Expectation {
  readonly outputs: Record<string, NdArray>;
  readonly functional: Record<string, Float32Array>;
  /** Computed once for all variants; absent where it depends on the backend. */
  readonly gradients?: Values;
}

const expectations = new WeakMap<ConformanceCase, Expectation>();

function expectationOf(conformance: ConformanceCase): Expectation {
  let known = expectations.get(conformance);
  if (known === undefined) {
    const outputs = conformance.reference(hostInputs(conformance));
    const gradients = conformance.large ? undefined : finiteDifferences(conformance);
    expectations.set(conformance, (known = { outputs, functional: functionalOf(outputs), gradients }));
  }
  return known;
}

/**
 * Compares an op with its definition on the current backend: values, gradients, tensors left behind. Kernels of this
 * package run twice, the second time in poisoned memory.
 */
export async function measure(conformance: ConformanceCase, variant: Variant): Promise<Measurement> {
  const { outputs: expected, functional, gradients } = expectationOf(conformance);
  const isDifferentiable = Object.values(conformance.inputs).some(({ differentiable }) => differentiable);
  const tensors = Object.fromEntries(Object.entries(conformance.inputs).map(([name, x]) => [name, upload(x)]));
  const before = memory().numTensors;

  const compute = async (): Promise<[values: Values, gradients: Values]> => {
    const outputs = asVariant(variant, () => conformance.run(tensors));
    requireShapes(outputs, expected);
    const values = await take(outputs);
    if (!isDifferentiable) return [values, {}];
    return [values, await take(asVariant(variant, () => gradientsOf(conformance, tensors, functional)))];
  };
  if (hasKernels(variant)) {
    await compute();
    poisonReleasedBuffers();
  }
  const [values, gotGradients] = await compute();
  const leaked = memory().numTensors - before;

  const value = errors(
    values,
    Object.fromEntries(Object.entries(expected).map(([name, output]) => [name, output.values])),
  );
  let gradient: number | undefined;
  if (isDifferentiable) {
    const expectedGradients =
      gradients ??
      (await take(withKernels({ choice: 'portable' }, () => gradientsOf(conformance, tensors, functional))));
    gradient = errors(gotGradients, expectedGradients, conformance.cancelling);
  }
  Object.values(tensors).forEach((x) => x.dispose());
  return { value, gradient, leaked };
}
