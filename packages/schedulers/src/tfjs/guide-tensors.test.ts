import { normalNoise } from '@latte-flow/core';
import { memory, setBackend, tensor, type Tensor } from '@tensorflow/tfjs-core';
import { afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';

import { relativeError } from '../../../../tooling/test/scheduler-fixtures.ts';
import { adaptiveProjectedGuidance } from '../guidance/adaptive-projected.ts';
import { autoguidance } from '../guidance/autoguidance.ts';
import { cfgZeroStarGuidance } from '../guidance/cfg-zero-star.ts';
import { classifierFreeGuidance } from '../guidance/classifier-free.ts';
import type { Branch } from '../guidance/guidance.ts';
import { guideWithState } from '../guidance/guide.ts';
import { guidanceInterval } from '../guidance/interval.ts';
import { magnitudeAwareGuidance } from '../guidance/magnitude-aware.ts';
import { normLimitedGuidance, normPreservingGuidance } from '../guidance/normalise.ts';
import { perturbedGuidance } from '../guidance/perturbed.ts';
import { rescaledGuidance } from '../guidance/rescale.ts';
import { tangentialGuidance } from '../guidance/tangential.ts';
import { guideTensors, guideTensorsWithState } from './guide-tensors.ts';

const shape = [2, 3, 2, 4];
const names: readonly Branch[] = ['conditional', 'null', 'perturbed', 'weak'];
const values = names.map((_, image) => normalNoise(48, { seed: 21, image }));
const arrays = Object.fromEntries(names.map((name, i) => [name, values[i]!]));
const at = { step: 1, steps: 4, sigma: 0.75 };
const cfg = classifierFreeGuidance(3.5);

let branches: Record<string, Tensor>;
let before = 0;
beforeAll(async () => {
  await import('@tensorflow/tfjs-backend-cpu');
  await setBackend('cpu');
  branches = Object.fromEntries(names.map((name, i) => [name, tensor(values[i]!, shape)]));
});
beforeEach(() => void (before = memory().numTensors));
afterEach(() => expect(memory().numTensors).toBe(before));

describe('tensors give what typed arrays give, and leave the results alone', () => {
  test.each([
    cfg,
    classifierFreeGuidance(1),
    autoguidance(2),
    rescaledGuidance(cfg, 0.7),
    normPreservingGuidance(cfg),
    normLimitedGuidance(classifierFreeGuidance(3, { form: 'original' })),
    cfgZeroStarGuidance(3.5),
    cfgZeroStarGuidance(3.5, { zeroInitSteps: 3 }),
    adaptiveProjectedGuidance(7.5, { eta: 0.5, normThreshold: 2.5, momentum: -0.5 }),
    magnitudeAwareGuidance(10, { alpha: 0.5 }),
    tangentialGuidance(5),
    perturbedGuidance(cfg),
    rescaledGuidance(guidanceInterval(adaptiveProjectedGuidance(4, { momentum: 0.3 }), { steps: [0, 0.5] }), 0.4),
    guidanceInterval(cfg, { sigmas: [0, 0.5] }),
  ])('$name', async (rule) => {
    const state = tensor(values[3]!, shape);
    const [options, hostOptions] = [
      { ...at, state, sample: branches['null'] },
      { ...at, shape, state: values[3]!, sample: values[1]! },
    ];
    const guided = guideTensorsWithState(rule, branches, options);
    expect(memory().numTensors - before).toBe(guided.state === undefined ? 2 : 3);
    const host = guideWithState(rule, arrays, hostOptions);
    expect(guided.velocity.shape).toEqual(shape);
    expect(relativeError(await guided.velocity.data(), host.velocity)).toBeLessThan(2e-6);
    expect(guided.state === undefined).toBe(host.state === undefined);
    if (guided.state !== undefined) expect(relativeError(await guided.state.data(), host.state!)).toBeLessThan(1e-6);
    guided.velocity.dispose();
    guided.state?.dispose();
    expect(state.isDisposed || Object.values(branches).some(({ isDisposed }) => isDisposed)).toBe(false);
    state.dispose();
  });
});

test('nothing is divided by 0', async () => {
  const zeros = tensor(new Float32Array(48), shape);
  for (const rule of [
    rescaledGuidance(cfg, 1),
    normPreservingGuidance(cfg),
    normLimitedGuidance(cfg),
    cfgZeroStarGuidance(3),
    adaptiveProjectedGuidance(3, { eta: 0, normThreshold: 1 }),
    magnitudeAwareGuidance(3),
    tangentialGuidance(3),
  ]) {
    const guided = guideTensors(rule, { conditional: zeros, null: zeros }, at);
    expect(
      (await guided.data()).every((value) => value === 0),
      rule.name,
    ).toBe(true);
    guided.dispose();
  }
  zeros.dispose();
});

test('refuses without a trace', () => {
  const { conditional } = branches as { conditional: Tensor };
  const [flat, integers] = [tensor(values[0]!), tensor(new Int32Array(48), shape, 'int32')];
  const refused = (rule: typeof cfg, velocities: object) => () => guideTensors(rule, velocities, at);
  expect(refused(cfg, { conditional })).toThrow(/the velocity of the null branch/);
  expect(refused(cfg, { conditional, null: flat })).toThrow(/every branch of shape \[2, 3, 2, 4\]/);
  expect(refused(cfg, { conditional, null: integers })).toThrow(/a float32 tensor, got a tensor of dtype int32/);
  expect(refused(cfg, { conditional, null: values[1] })).toThrow(/every branch to be a float32 tensor/);
  expect(refused(tangentialGuidance(2), { conditional: flat, null: flat })).toThrow(/at least two axes/);
  expect(refused(adaptiveProjectedGuidance(2, { momentum: 1 }), branches)).toThrow(/guideTensorsWithState/);
  flat.dispose();
  integers.dispose();
});
