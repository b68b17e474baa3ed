import {
  add,
  concat,
  env,
  keep,
  matMul,
  memory,
  mul,
  relu,
  scalar,
  sigmoid,
  sub,
  tensor,
  tensor1d,
  tidy,
  variable,
  type Tensor,
} from '@tensorflow/tfjs-core';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';

import { webgpuMissing, webgpuTest } from '../../../../tooling/test/webgpu.ts';
import { bootBackend } from '../node.ts';
import { captureStep } from './capture.ts';
import { CaptureMemory } from './capture-memory.ts';
import type { CapturedStep, TensorStep } from './captured-step.ts';
import type { Program } from './program.ts';
import { runProgram, spread } from './run-program.ts';

interface Memory {
  readonly numTensors: number;
  readonly numDataBuffers: number;
  readonly numBytesInGPU: number;
}

const inUse = (): Memory => {
  const { numTensors, numDataBuffers, numBytesInGPU } = memory() as unknown as Memory;
  return { numTensors, numDataBuffers, numBytesInGPU };
};

/** Different at every seed, and not round. */
const drawn = (seed: number, shape: number[]): Tensor => {
  const size = shape.reduce((a, b) => a * b, 1);
  return tensor(
    Float32Array.from({ length: size }, (_, i) => Math.sin(1.7 * i + 0.37 * seed + 0.1)),
    shape,
  );
};

/** Reads and disposes. */
const valuesOf = async (results: readonly Tensor[]): Promise<number[][]> => {
  const values = await Promise.all(results.map(async (result) => [...(await result.data())]));
  for (const result of results) result.dispose();
  return values;
};

const square: Program = {
  name: 'square',
  inputs: ['x: array<f32>'],
  outputs: ['y: array<f32>'],
  params: ['size: u32', 'factor: f32'],
  body: /* wgsl */ `@compute @workgroup_size(64) fn main(@builtin(global_invocation_id) id: vec3u) {
    if (id.x < params.size) { y[id.x] = params.factor * x[id.x] * x[id.x]; } }`,
};
const squareOf = (x: Tensor, factor = 1): Tensor =>
  runProgram(square, {
    inputs: [x],
    outputs: [{ shape: x.shape }],
    params: [x.size, factor],
    workgroups: spread(Math.ceil(x.size / 64)),
  })[0]!;

const increase: Program = {
  name: 'increase',
  inputs: ['by: array<f32>'],
  outputs: ['x: array<f32>'],
  params: [],
  body: '@compute @workgroup_size(1) fn main(@builtin(global_invocation_id) id: vec3u) { x[id.x] += by[id.x]; }',
};
const increaseBy = (x: Tensor, by: Tensor): void =>
  void runProgram(increase, { inputs: [by], outputs: [{ into: x }], workgroups: [x.size] });

/** The result of the step itself. */
const plainly = (step: TensorStep, inputs: Tensor[]): Tensor[] => tidy(() => step(...inputs));

describe.each(['cpu', 'wasm'] as const)('on %s a captured step is the step', (device) => {
  beforeAll(async () => {
    await bootBackend({ device });
  });

  test('its results are owned by the caller, whatever they are', async () => {
    const before = memory().numTensors;
    const weight = tensor1d([10, 20]);
    const step = captureStep((x) => [mul(x, weight), x, weight], [tensor1d([0, 0])]);
    expect([step.commands, step.bytes]).toEqual([0, 0]);
    for (const value of [1, 2]) {
      const x = tensor1d([value, 3]);
      expect(await valuesOf(step.run(x))).toEqual([
        [10 * value, 60],
        [value, 3],
        [10, 20],
      ]);
      x.dispose();
    }
    step.dispose();
    weight.dispose();
    expect(memory().numTensors).toBe(before + 1); // the example
  });

  test('refuses other shapes, dtypes and numbers of inputs, and runs after dispose', () => {
    const x = tensor1d([1, 2]);
    const step = captureStep((input) => [input], [x]);
    expect(() => step.run(tensor1d([1]))).toThrow('inputs[0] of shape [2], got [1]');
    expect(() => step.run(tensor1d([1, 2], 'int32'))).toThrow('inputs[0] [2] in float32, got int32');
    expect(() => step.run(x, x)).toThrow('inputs of shape [1], got [2]');
    x.dispose();
    expect(() => step.run(x)).toThrow(expect.objectContaining({ code: 'disposed' }));
    step.dispose();
    step.dispose();
    expect(() => step.run(x)).toThrow('captured step in use');
    expect(() => captureStep((input) => [input], [tensor(['a'])])).toThrow('float32, int32 or bool');
  });
});

describe('on WebGPU', () => {
  beforeAll(() => env().set('WEBGPU_CPU_FORWARD', false));
  afterAll(() => env().set('WEBGPU_CPU_FORWARD', true));
  let before: Memory;
  beforeEach(async () => {
    if (webgpuMissing !== undefined) return;
    await bootBackend({ device: 'webgpu' });
    before = inUse();
  });

  webgpuTest('gives the numbers of the step bit for bit, run after run, read or not', async () => {
    const weights = [drawn(50, [16, 16]), drawn(51, [16])];
    const runs = 5;
    const step: TensorStep = (x, t) => {
      let hidden = matMul(x!, weights[0]!);
      for (let i = 0; i < 3; i++) {
        const inner = relu(add(mul(hidden, weights[1]!), scalar(0.25)));
        hidden = add(hidden, mul(sigmoid(squareOf(inner, 2)), t!));
      }
      return [
        squareOf(hidden, 0.5),
        sub(hidden, scalar(1)),
        concat([hidden, tensor(new Float32Array(32).fill(7), [2, 16])], 0),
      ];
    };
    const inputs = (seed: number): Tensor[] => [drawn(seed, [5, 16]), scalar(seed / 7)];
    const expected: number[][][] = [];
    const examples = inputs(99);
    for (let seed = 0; seed < runs; seed++) {
      const given = inputs(seed);
      expected.push(await valuesOf(plainly(step, given)));
      for (const input of given) input.dispose();
    }
    const captured = captureStep(step, examples);
    for (const example of examples) example.dispose();
    expect(captured.commands).toBeGreaterThan(10);
    const run = (seed: number): Tensor[] => {
      const given = inputs(seed);
      const results = captured.run(...given);
      for (const input of given) input.dispose();
      return results;
    };
    for (let seed = 0; seed < runs; seed++) expect(await valuesOf(run(seed)), `run ${seed}`).toEqual(expected[seed]);
    // Without a submission between them, and with uploads of the inputs' sizes into buffers that were just freed.
    const results = Array.from({ length: runs }, (_, seed) => run(seed));
    for (const [seed, result] of results.entries())
      expect(await valuesOf(result), `run ${seed}`).toEqual(expected[seed]);
    captured.dispose();
    for (const weight of weights) weight.dispose();
    expect(inUse()).toEqual(before);
  });

  webgpuTest('300 runs leave tensors and bytes where they were, and so does the capture', async () => {
    const weight = drawn(1, [8]);
    let state = drawn(2, [4, 8]);
    const captured = captureStep((x) => [squareOf(sigmoid(mul(x!, weight)), 3)], [state]);
    const step = (): void => {
      const [next] = captured.run(state);
      state.dispose();
      state = next!;
    };
    step();
    await state.data();
    const level = inUse();
    for (let i = 0; i < 300; i++) step();
    await state.data();
    expect(inUse()).toEqual(level);
    captured.dispose();
    captured.dispose();
    state.dispose();
    weight.dispose();
    expect(inUse()).toEqual(before);
  });

  webgpuTest('its intermediate tensors share buffers, counted in memory() as long as it lives', async () => {
    const x = drawn(1, [64, 64]);
    const depth = 12;
    const captured = captureStep(
      (input) => {
        let y = input!;
        for (let i = 0; i < depth; i++) y = tidy(() => squareOf(add(y, input!)));
        return [y];
      },
      [x],
    );
    const tensorBytes = 4 * x.size;
    expect(captured.commands).toBe(2 * depth);
    expect(captured.bytes).toBeLessThan(2 * depth * tensorBytes);
    const own = inUse().numBytesInGPU - before.numBytesInGPU;
    expect(own).toBe(captured.bytes);
    captured.dispose();
    x.dispose();
    expect(inUse()).toEqual(before);
  });

  webgpuTest('weights that first reach the device in the capture stay when it goes', async () => {
    const [weight, x] = [tensor1d([1, 2, 3]), tensor1d([1, 1, 1])];
    const captured = captureStep((input) => [squareOf(add(input!, weight))], [x]);
    captured.dispose();
    const y = add(weight, x);
    expect(await valuesOf([y, weight, x])).toEqual([
      [2, 3, 4],
      [1, 2, 3],
      [1, 1, 1],
    ]);
    expect(inUse()).toEqual(before);
  });

  webgpuTest('inputs, weights, constants and one tensor twice may be results, each a tensor of its own', async () => {
    const weight = tensor1d([5, 6]);
    const x = tensor1d([1, 2]);
    const captured = captureStep(
      (input) => {
        const y = squareOf(input!);
        return [input!, weight, tensor1d([8, 9]), y, y, tensor1d([]), input!];
      },
      [x],
    );
    for (const value of [3, 4]) {
      const given = tensor1d([value, 0]);
      const expected = [[value, 0], [5, 6], [8, 9], [value ** 2, 0], [value ** 2, 0], [], [value, 0]];
      const results = captured.run(given);
      given.dispose();
      expect(await valuesOf(results)).toEqual(expected);
    }
    captured.dispose();
    expect(await valuesOf([weight, x])).toEqual([
      [5, 6],
      [1, 2],
    ]);
    expect(inUse()).toEqual(before);
  });

  webgpuTest('integers, bools and casts keep their values and dtypes', async () => {
    const step: TensorStep = (i, b) => [i!.toFloat(), i!.mul(2), b!, b!.toInt(), squareOf(i!.toFloat())];
    const given = [tensor1d([3, -4], 'int32'), tensor1d([true, false], 'bool')];
    const captured = captureStep(step, given);
    const results = captured.run(...given);
    const plain = plainly(step, given);
    expect(results.map(({ dtype }) => dtype)).toEqual(plain.map(({ dtype }) => dtype));
    expect(await valuesOf(results)).toEqual([
      [3, -4],
      [6, -8],
      [1, 0],
      [1, 0],
      [9, 16],
    ]);
    expect(await valuesOf(plain)).toEqual([
      [3, -4],
      [6, -8],
      [1, 0],
      [1, 0],
      [9, 16],
    ]);
    captured.dispose();
    // An input that was cast shares a buffer of integers.
    const cast = tidy(() => given[0]!.mul(1).toFloat());
    const floats = captureStep((x) => [squareOf(x!)], [cast]);
    expect(await valuesOf(floats.run(cast))).toEqual([[9, 16]]);
    floats.dispose();
    for (const tensorGiven of [...given, cast]) tensorGiven.dispose();
    expect(inUse()).toEqual(before);
  });

  webgpuTest(
    'values that are written into weights in place are seen, and what it writes into them is read',
    async () => {
      const [weight, by] = [tensor1d([1, 2]), tensor1d([1, 1])];
      const captured = captureStep(
        (x) => {
          increaseBy(weight, x!);
          return [squareOf(weight)];
        },
        [by],
      );
      expect(await weight.data()).toEqual(Float32Array.of(1, 2)); // a capture computes nothing
      expect(await valuesOf(captured.run(by))).toEqual([[4, 9]]);
      expect(await weight.data()).toEqual(Float32Array.of(2, 3));
      increaseBy(weight, by);
      expect(await valuesOf(captured.run(by))).toEqual([[16, 25]]);
      expect(await weight.data()).toEqual(Float32Array.of(4, 5));
      captured.dispose();
      for (const x of [weight, by]) x.dispose();
      expect(inUse()).toEqual(before);
    },
  );

  webgpuTest('a weight that was disposed of or put in another place is refused', async () => {
    const weight = tidy(() => variable(tensor1d([1, 2])));
    const x = tensor1d([1, 1]);
    const captured = captureStep((input) => [squareOf(add(input!, weight))], [x]);
    expect(await valuesOf(captured.run(x))).toEqual([[4, 9]]);
    tidy(() => weight.assign(tensor1d([5, 5])));
    expect(() => captured.run(x)).toThrow('every tensor that the step closes over in use');
    captured.dispose();
    for (const left of [weight, x]) left.dispose();
  });

  webgpuTest('two captured steps live side by side, inside a tidy as outside', async () => {
    const x = tensor1d([1, 2]);
    let [first, second]: CapturedStep[] = [];
    tidy(() => {
      first = captureStep((input) => [squareOf(add(input!, scalar(1)))], [x]);
      second = captureStep((input) => [sub(squareOf(input!), scalar(1))], [x]);
    });
    for (let i = 0; i < 3; i++) {
      const kept = tidy(() => keep(first!.run(second!.run(x)[0]!)[0]!));
      expect(await valuesOf([kept])).toEqual([[1, 16]]);
    }
    first!.dispose();
    expect(await valuesOf(second!.run(x))).toEqual([[0, 3]]);
    second!.dispose();
    x.dispose();
    expect(inUse()).toEqual(before);
  });

  webgpuTest('steps that share memory hold as much as the largest, whichever runs', async () => {
    const x = drawn(1, [64, 64]);
    const deep =
      (depth: number): TensorStep =>
      (input) => {
        let y = mul(input!, scalar(1 / 2));
        for (let i = 0; i < depth; i++) y = tidy(() => squareOf(add(y, input!), 0.5));
        return [y];
      };
    const expected = [await valuesOf(plainly(deep(3), [x])), await valuesOf(plainly(deep(5), [x]))];
    const alone = captureStep(deep(5), [x]);
    const { bytes } = alone;
    alone.dispose();

    const level = inUse().numBytesInGPU;
    const shared = new CaptureMemory();
    const [first, second] = [
      captureStep(deep(3), [x], { memory: shared }),
      captureStep(deep(5), [x], { memory: shared }),
    ];
    expect(inUse().numBytesInGPU - level).toBeLessThan(bytes + 4 * x.size); // the constants of both
    // Results are copied out, so that they outlive the next run; without a submission in between.
    const results = [first, second, first, second].map((step) => step.run(x));
    for (const [i, result] of results.entries()) expect(await valuesOf(result)).toEqual(expected[i % 2]);
    expect(() => captureStep((input) => first.run(input!), [x], { memory: shared })).toThrow('memory of its own');
    // Sizes of their own: what TensorFlow.js' ops are told of them must stay what it was.
    const wide = drawn(2, [16, 256]);
    const sum: TensorStep = (input) => [concat([input!, mul(input!, 2)], 1)];
    const joined = await valuesOf(plainly(sum, [wide]));
    const third = captureStep(sum, [wide], { memory: shared });
    const fourth = captureStep((input) => [concat([input!, mul(input!, 3)], 0)], [x], { memory: shared });
    fourth.run(x)[0]!.dispose();
    expect(await valuesOf(third.run(wide))).toEqual(joined);
    expect(await valuesOf(first.run(x))).toEqual(expected[0]);
    for (const step of [first, third, fourth]) step.dispose();
    wide.dispose();
    shared.dispose();
    shared.dispose();
    expect(() => captureStep(deep(1), [x], { memory: shared })).toThrow('capture memory in use');
    expect(await valuesOf(second.run(x))).toEqual(expected[1]);
    second.dispose();
    x.dispose();
    expect(inUse()).toEqual(before);
  });

  webgpuTest('a captured step may run inside another', async () => {
    const x = tensor1d([1, 2]);
    const many: TensorStep = (input) => [Array.from({ length: 80 }).reduce<Tensor>((y) => add(y, 1), input!)];
    const inner = captureStep(many, [x]);
    const outer = captureStep((input) => [mul(inner.run(input!)[0]!, 2)], [x]);
    expect(await valuesOf(outer.run(x))).toEqual([[162, 164]]);
    outer.dispose();
    inner.dispose();
    x.dispose();
    expect(inUse()).toEqual(before);
  });

  webgpuTest('numbers of the host that no input reaches are computed there once', async () => {
    env().set('WEBGPU_CPU_FORWARD', true);
    const x = tensor1d([1, 2]);
    const captured = captureStep((input) => [squareOf(add(input!, mul(tensor1d([3, 4]), 2)))], [x]);
    env().set('WEBGPU_CPU_FORWARD', false);
    expect(captured.commands).toBe(2);
    expect(await valuesOf(captured.run(x))).toEqual([[49, 100]]);
    captured.dispose();
    x.dispose();
    expect(inUse()).toEqual(before);
  });

  webgpuTest(
    'a step that throws, reads, captures, leaves tensors or frees others’ is refused, and all works after it',
    async () => {
      const x = drawn(1, [3]);
      let left: Tensor[] = [];
      const reads: TensorStep = (input) => {
        const y = squareOf(input!);
        y.data().catch(() => {}); // what an author does not see
        return [y];
      };
      const refused: [TensorStep, string][] = [
        [(input) => [squareOf(input!), matMul(input!, input!)], 'matMul'],
        [reads, 'a step that only computes'],
        [(input) => [captureStep((inner) => [inner!], [input!]).run(input!)[0]!], 'a capture inside of another'],
        [(input) => (left = [keep(squareOf(input!)), keep(add(input!, 1))]).slice(0, 1), 'leaves 2 more'],
        [
          (input) => {
            left[0]!.dispose();
            return [add(input!, 1)];
          },
          'disposes of 1 that were there',
        ],
      ];
      for (const [step, message] of refused) {
        left = left.length > 0 ? left : [];
        if (message.startsWith('disposes')) left = [squareOf(x)];
        expect(() => captureStep(step, [x]), message).toThrow(message);
        if (message.startsWith('leaves')) for (const tensorLeft of left) tensorLeft.dispose();
      }
      expect(await valuesOf([squareOf(x), add(x, 1)])).toEqual([
        [...(await x.data())].map((value) => Math.fround(value * value)),
        [...(await x.data())].map((value) => Math.fround(value + 1)),
      ]);
      x.dispose();
      expect(inUse()).toEqual(before);
    },
  );
});
