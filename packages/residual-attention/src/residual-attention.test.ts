import { normalNoise } from '@latte-flow/core';
import { attentionVisibility, ropeTables } from '@latte-flow/ops';
import { bootBackend, ParameterStore, type ParameterValues } from '@latte-flow/runtime';
import {
  dispose,
  memory,
  mul,
  sum,
  tensor,
  tensor2d,
  variableGrads,
  type Scalar,
  type Tensor,
} from '@tensorflow/tfjs-core';
import { afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';

import type { ResidualAttentionConfig, ResidualMode } from './config.ts';
import { residualAttentionShapes } from './parameters.ts';
import { residualAttention, residualGate, type ResidualAttentionInputs } from './residual-attention.ts';

const B = 2;
const N = 4;
const D = 8;
const T = 3;
const [H, G, E] = [2, 1, 4];
const THETA = 100;
/** The second member's last context token is padding. */
const MASK = [
  [1, 1, 1],
  [1, 1, 0],
];

const configOf = (residual: ResidualMode, qkvBias = true): ResidualAttentionConfig => ({
  numHeads: H,
  numKvHeads: G,
  headDim: E,
  residual,
  qkvBias,
});

/** Noise of a stream of its own for each name. */
const noise = (length: number, stream: number) => normalNoise(length, { seed: 7, image: stream });

function parametersOf(config: ResidualAttentionConfig, zeroGate = false): Map<string, ParameterValues> {
  const shapes = [...residualAttentionShapes(D, config)];
  return new Map(
    shapes.map(([name, shape], i) => {
      const length = shape.reduce((a, b) => a * b, 1);
      const isZero = zeroGate && name.startsWith('residual_gate');
      return [name, { shape, values: isZero ? new Float32Array(length) : noise(length, i) }];
    }),
  );
}

const host = {
  x: noise(B * N * D, 100),
  condition: noise(B * D, 101),
  key: noise(B * G * T * E, 102),
  value: noise(B * G * T * E, 103),
  previous: noise(B * H * N * N, 104),
};

function uploadInputs(): Required<ResidualAttentionInputs> {
  const contextMask = tensor2d(MASK, [B, T], 'bool');
  const visibility = attentionVisibility({ batch: B, tokens: N, contextTokens: T, contextMask });
  contextMask.dispose();
  return {
    x: tensor(host.x, [B, N, D]),
    condition: tensor(host.condition, [B, D]),
    rope: ropeTables([[[0, 1, 2, 3], [5, 6, 7, 8]]], { headDim: E, theta: THETA }), // prettier-ignore
    context: { key: tensor(host.key, [B, G, T, E]), value: tensor(host.value, [B, G, T, E]) },
    visibility,
    previous: tensor(host.previous, [B, H, N, N]),
  };
}

interface HostResult {
  /** [B, N, D] */
  readonly output: Float64Array;
  /** [B, H, N, N] */
  readonly map: Float64Array;
}

/** `FlowAttention.forward` of the reference as float64 loops. */
function hostAttention(
  parameters: Map<string, ParameterValues>,
  { mode, previous }: { mode: ResidualMode; previous?: ArrayLike<number> },
): HostResult {
  const output = new Float64Array(B * N * D);
  const map = new Float64Array(B * H * N * N);
  const project = (name: string, input: (i: number) => number, row: number, width: number) => {
    const weight = parameters.get(`${name}.weight`)!.values;
    let total = parameters.get(`${name}.bias`)?.values[row] ?? 0;
    for (let i = 0; i < width; i++) total += weight[row * width + i]! * input(i);
    return total;
  };
  for (let b = 0; b < B; b++) {
    const xAt = (n: number) => (i: number) => host.x[(b * N + n) * D + i]!;
    const rotated = (name: string, n: number, head: number, e: number) => {
      const at = (channel: number) => project(name, xAt(n), head * E + channel, D);
      const angle = (n + 5 * b) / THETA ** ((2 * (e % (E / 2))) / E);
      const partner = e < E / 2 ? -at(e + E / 2) : at(e - E / 2);
      return at(e) * Math.cos(angle) + partner * Math.sin(angle);
    };
    for (let h = 0; h < H; h++) {
      const gate = Math.tanh(project('residual_gate', (i) => host.condition[b * D + i]!, h, D));
      for (let n = 0; n < N; n++) {
        const residual = (m: number) => (previous === undefined ? 0 : gate * previous[((b * H + h) * N + n) * N + m]!);
        const scores = Array.from({ length: T + N }, (_, j) => {
          let dot = 0;
          for (let e = 0; e < E; e++) {
            const key = j < T ? host.key[(b * T + j) * E + e]! : rotated('k_proj', j - T, 0, e);
            dot += rotated('q_proj', n, h, e) * key;
          }
          return dot / Math.sqrt(E) + (j >= T && mode === 'scores' ? residual(j - T) : 0);
        });
        const visible = scores.map((score, j) => (j < T && MASK[b]![j] === 0 ? 0 : Math.exp(score)));
        const total = visible.reduce((a, c) => a + c, 0);
        const weights = visible.map((w, j) => w / total + (j >= T && mode === 'probabilities' ? residual(j - T) : 0));
        for (let m = 0; m < N; m++) {
          map[((b * H + h) * N + n) * N + m] = (mode === 'scores' ? scores : weights)[T + m]!;
        }
        for (let e = 0; e < E; e++) {
          const attended = weights.reduce((sum_, w, j) => {
            const value = j < T ? host.value[(b * T + j) * E + e]! : project('v_proj', xAt(j - T), e, D);
            return sum_ + w * value;
          }, 0);
          const out = parameters.get('o_proj.weight')!.values;
          for (let d = 0; d < D; d++) output[(b * N + n) * D + d]! += out[d * H * E + h * E + e]! * attended;
        }
      }
    }
  }
  return { output, map };
}

function worst(actual: ArrayLike<number>, expected: ArrayLike<number>): number {
  expect(actual.length).toBe(expected.length);
  let largest = 0;
  for (let i = 0; i < expected.length; i++) largest = Math.max(largest, Math.abs(actual[i]! - expected[i]!));
  return Number.isNaN(largest) ? Infinity : largest;
}

const tensorsOf = ({ rope, context, visibility, ...rest }: Required<ResidualAttentionInputs>): Tensor[] => [
  ...Object.values(rest),
  ...Object.values(rope),
  ...Object.values(context),
  ...Object.values(visibility),
];

describe.each(['cpu', 'wasm'] as const)('%s', (device) => {
  let before = 0;
  let inputs: Required<ResidualAttentionInputs>;
  beforeAll(() => bootBackend({ device }).then(() => undefined));
  beforeEach(() => {
    before = memory().numTensors;
    inputs = uploadInputs();
  });
  afterEach(() => {
    dispose(tensorsOf(inputs));
    expect(memory().numTensors).toBe(before);
  });

  test.each([
    ['scores', true],
    ['scores', false],
    ['probabilities', true],
    ['off', true],
  ] as const)('%s (biases: %s) equals the reference, the map of a predecessor added', async (mode, qkvBias) => {
    const config = configOf(mode, qkvBias);
    const values = parametersOf(config);
    using store = ParameterStore.upload(values, { where: 'test', expected: residualAttentionShapes(D, config) });
    const { output, map } = residualAttention(inputs, store, config);
    const expected = hostAttention(values, { mode, previous: mode === 'off' ? undefined : host.previous });
    expect(output.shape).toEqual([B, N, D]);
    expect(worst(await output.data(), expected.output)).toBeLessThan(5e-5);
    if (mode === 'off') expect(map).toBeUndefined();
    else expect(worst(await map!.data(), expected.map)).toBeLessThan(5e-5);
    dispose([output, ...(map === undefined ? [] : [map])]);
  });

  test.each(['scores', 'probabilities'] as const)(
    '%s: the first layer carries its own map, and the second adds its gated share of it',
    async (mode) => {
      const config = configOf(mode);
      const values = parametersOf(config);
      using store = ParameterStore.upload(values, { where: 'test' });
      const first = residualAttention({ ...inputs, previous: undefined }, store, config);
      const expectedFirst = hostAttention(values, { mode });
      expect(worst(await first.output.data(), expectedFirst.output)).toBeLessThan(5e-5);
      expect(worst(await first.map!.data(), expectedFirst.map)).toBeLessThan(5e-5);

      const second = residualAttention({ ...inputs, previous: first.map }, store, config);
      const expectedSecond = hostAttention(values, { mode, previous: expectedFirst.map });
      expect(worst(await second.output.data(), expectedSecond.output)).toBeLessThan(5e-5);
      expect(worst(await second.map!.data(), expectedSecond.map)).toBeLessThan(5e-5);
      expect(worst(expectedSecond.output, expectedFirst.output)).toBeGreaterThan(0.01);
      dispose([first.output, first.map!, second.output, second.map!]);
    },
  );

  test.each(['scores', 'probabilities'] as const)('%s with a gate of zero is plain attention', async (mode) => {
    const values = parametersOf(configOf(mode), true);
    using store = ParameterStore.upload(values, { where: 'test' });
    const gate = residualGate(inputs.condition, store);
    expect([...(await gate.data())]).toEqual(new Array(B * H).fill(0));
    const gated = residualAttention(inputs, store, configOf(mode));
    const plain = residualAttention(inputs, store, configOf('off'));
    expect(worst(await gated.output.data(), await plain.output.data())).toBeLessThan(1e-6);
    dispose([gate, gated.output, gated.map!, plain.output]);
  });

  test('without a context the latents attend to each other', async () => {
    const config = configOf('scores');
    using store = ParameterStore.upload(parametersOf(config), { where: 'test' });
    const { x, condition, rope } = inputs;
    const { output, map } = residualAttention({ x, condition, rope }, store, config);
    expect(output.shape).toEqual([B, N, D]);
    expect((await output.data()).every(Number.isFinite)).toBe(true);
    dispose([output, map!]);
  });

  test.each(['scores', 'probabilities'] as const)('%s: gradients reach the gate and every projection', async (mode) => {
    const config = configOf(mode);
    const values = parametersOf(config, true); // a gate that starts at zero must be able to leave it
    using store = ParameterStore.upload(values, { where: 'test', trainable: true });
    const probe = tensor(noise(B * N * D, 105), [B, N, D]);
    const { value, grads } = variableGrads(
      () => sum(mul(residualAttention(inputs, store, config).output, probe)) as Scalar,
      [...store.variables().values()],
    );
    const variables = [...store.variables()];
    expect(Object.keys(grads).length).toBe(variables.length);
    for (const [name, { name: id }] of variables) {
      const largest = Math.max(...(await grads[id]!.data()).map(Math.abs));
      // A bias of the keys shifts all scores of a query alike only without rotation, so it has a gradient too.
      expect(largest, name).toBeGreaterThan(1e-3);
    }

    const step = 1e-3;
    const gradient = (await grads[store.variables().get('residual_gate.bias')!.name]!.data())[1]!;
    const functional = async (shift: number): Promise<number> => {
      const bias = values.get('residual_gate.bias')!;
      const shifted = new Map(values).set('residual_gate.bias', { ...bias, values: Float32Array.of(0, shift) });
      const { output } = hostAttention(shifted, { mode, previous: host.previous });
      return output.reduce((total, out, i) => total + out * probeValues[i]!, 0);
    };
    const probeValues = await probe.data();
    const difference = ((await functional(step)) - (await functional(-step))) / (2 * step);
    expect(Math.abs(gradient - difference)).toBeLessThan(1e-3 * Math.max(1, Math.abs(difference)));
    dispose([probe, value, ...Object.values(grads)]);
  });

  test('bad input is refused by name and leaves nothing', () => {
    const config = configOf('scores');
    using store = ParameterStore.upload(parametersOf(config), { where: 'test' });
    const flat = tensor(host.x, [B * N, D]);
    const refused = (changed: object, as: object = config) =>
      expect(() => residualAttention({ ...inputs, ...changed }, store, { ...config, ...as }));
    refused({ x: flat }).toThrow('residualAttention: expected x of shape [B, N, D], got [8, 8]');
    refused({ condition: flat }).toThrow('expected condition of shape [2, 8], got [8, 8]');
    refused({ previous: inputs.x }).toThrow('expected residual.previous of shape [2, 2, 4, 4], got [2, 4, 8]');
    refused({ context: { key: inputs.x, value: inputs.x } }).toThrow('shape');
    refused({}, { residual: 'sum' }).toThrow('expected residual to be one of scores, probabilities, off, got "sum"');
    refused({}, { numHeads: 3 }).toThrow('expected q_proj.weight of shape [12, 8], got [8, 8]');
    using empty = ParameterStore.upload([], { where: 'test' });
    expect(() => residualAttention(inputs, empty, config)).toThrow('expected a parameter named q_proj.weight');
    flat.dispose();
  });
});

test('parameters are named and shaped as in the reference, the gate in every mode', () => {
  const shapes = {
    'q_proj.weight': [8, 6],
    'q_proj.bias': [8],
    'k_proj.weight': [4, 6],
    'k_proj.bias': [4],
    'v_proj.weight': [4, 6],
    'v_proj.bias': [4],
    'o_proj.weight': [6, 8],
    'residual_gate.weight': [2, 6],
    'residual_gate.bias': [2],
  };
  for (const mode of ['scores', 'probabilities', 'off'] as const) {
    expect(Object.fromEntries(residualAttentionShapes(6, configOf(mode)))).toEqual(shapes);
  }
  const names = Object.keys(shapes).filter((name) => !/^[qkv]_proj.bias$/.test(name));
  expect([...residualAttentionShapes(6, configOf('scores', false)).keys()]).toEqual(names);
});
