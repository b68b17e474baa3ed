import { normalNoise } from '@latte-flow/core';
import { bootBackend } from '@latte-flow/runtime';
import { memory, tensor1d, tidy, variable, type NamedTensorMap, type Tensor1D } from '@tensorflow/tfjs-core';
import { beforeAll, describe, expect, test } from 'vitest';

import { webgpuMissing, webgpuTest } from '../../../tooling/test/webgpu.ts';
import { AdamW, type AdamWOptions } from './adamw.ts';
import { layOutBlocks, ROW, type ParameterBlock } from './parameter-block.ts';

interface Scalar64 {
  weight: number;
  first: number;
  second: number;
  steps: number;
}

/** torch.optim.AdamW for one number, in float64, as its documentation writes it. */
function scalarStep(
  state: Scalar64,
  gradient: number,
  { lr, beta1, beta2, eps, decay }: Record<'lr' | 'beta1' | 'beta2' | 'eps' | 'decay', number>,
) {
  state.steps++;
  state.weight *= 1 - lr * decay;
  state.first = beta1 * state.first + (1 - beta1) * gradient;
  state.second = beta2 * state.second + (1 - beta2) * gradient * gradient;
  const corrected = state.first / (1 - beta1 ** state.steps);
  const denominator = Math.sqrt(state.second / (1 - beta2 ** state.steps)) + eps;
  state.weight -= (lr * corrected) / denominator;
}

const SIZES = { a: 7, b: 3, c: ROW, d: 4 };
type Name = keyof typeof SIZES;
const BLOCKS: Record<Name, string> = { a: 'even', b: 'even', c: 'all', d: 'all' };
const names = Object.keys(SIZES) as Name[];

interface Comparison {
  readonly eps?: number;
  readonly scale?: number;
  readonly decayInDefinition?: (name: string) => boolean;
}

/** 25 steps against the scalar definition; the block `even` has gradients in every other step only. */
async function compare(
  options: AdamWOptions,
  { eps = 1e-8, scale = 1, decayInDefinition = options.decay }: Comparison = {},
) {
  const before = memory().numTensors;
  const variables = new Map(
    names.map(
      (name, i) => [name, tidy(() => variable(tensor1d(normalNoise(SIZES[name], { seed: 1, image: i }))))] as const,
    ),
  );
  const blocks = layOutBlocks(variables, (name) => BLOCKS[name as Name]);
  const optimizer = new AdamW(blocks, { epsilon: eps, ...options });
  const states = new Map(
    names.map((name, i) => [
      name,
      [...normalNoise(SIZES[name], { seed: 1, image: i })].map((weight): Scalar64 => ({
        weight,
        first: 0,
        second: 0,
        steps: 0,
      })),
    ]),
  );
  const [beta1, beta2] = options.betas ?? [0.9, 0.999];
  for (let step = 0; step < 25; step++) {
    const learningRate = 0.01 + 0.001 * step;
    const present = names.filter((name) => BLOCKS[name] === 'all' || step % 2 === 0);
    const gradients = new Map(
      present.map((name, i) => [
        name,
        normalNoise(SIZES[name], { seed: 2, image: step * 8 + i }).map((g) => g * scale),
      ]),
    );
    tidy(() => {
      const named: NamedTensorMap = {};
      for (const [name, values] of gradients) named[variables.get(name)!.name] = tensor1d(values);
      const flat = new Map<ParameterBlock, Tensor1D>();
      for (const block of blocks) {
        const gradient = block.gradients(named);
        if (gradient !== undefined) flat.set(block, gradient);
      }
      optimizer.update(flat, { learningRate });
    });
    for (const name of present) {
      const decay = (decayInDefinition?.(name) ?? true) ? (options.weightDecay ?? 0.01) : 0;
      states
        .get(name)!
        .forEach((state, i) =>
          scalarStep(state, gradients.get(name)![i]!, { lr: learningRate, beta1, beta2, eps, decay }),
        );
    }
  }
  let worst = 0;
  for (const name of names) {
    const values = await variables.get(name)!.data();
    states.get(name)!.forEach(({ weight }, i) => (worst = Math.max(worst, Math.abs(values[i]! - weight))));
  }
  expect(optimizer.states.map(({ block, steps }) => [block.name, steps])).toEqual([
    ['even', 13],
    ['all', 25],
  ]);
  optimizer.dispose();
  for (const value of variables.values()) value.dispose();
  expect(memory().numTensors).toBe(before);
  return worst;
}

const devices = [
  { device: 'cpu', runTest: test, present: true },
  { device: 'wasm', runTest: test, present: true },
  { device: 'webgpu', runTest: webgpuTest, present: webgpuMissing === undefined },
] as const;

describe.each(devices)(
  'AdamW agrees with the scalar definition in float64 on $device',
  ({ device, runTest, present }) => {
    beforeAll(async () => {
      if (present) await bootBackend({ device });
    });

    const settings: readonly [string, AdamWOptions, Comparison][] = [
      ['with its defaults', {}, {}],
      ['without weight decay', { weightDecay: 0 }, {}],
      ['with other betas and strong decay', { betas: [0.8, 0.95], weightDecay: 0.5 }, {}],
      [
        'with decay of one parameter of each block',
        { weightDecay: 0.5, decay: (name) => name === 'a' || name === 'd' },
        {},
      ],
      ['with an epsilon as large as the gradients', { weightDecay: 0.1 }, { eps: 1e-3, scale: 1e-3 }],
      ['with gradients near epsilon', {}, { scale: 1e-8 }],
    ];
    for (const [name, options, numbers] of settings) {
      runTest(name, async () => {
        expect(await compare(options, numbers)).toBeLessThan(2e-6);
      });
    }

    runTest('and would notice decay of the wrong parameters', async () => {
      expect(await compare({ weightDecay: 0.5 }, { decayInDefinition: (name) => name !== 'b' })).toBeGreaterThan(1e-2);
    });
  },
);

test('refuses betas, epsilon and weight decay out of range', () => {
  expect(() => new AdamW([], { betas: [0.9, 1] })).toThrow('AdamW: expected betas');
  expect(() => new AdamW([], { epsilon: -1 })).toThrow('AdamW: expected epsilon');
  expect(() => new AdamW([], { weightDecay: Number.NaN })).toThrow('AdamW: expected weightDecay');
});
