import { normalNoise, seededStepNoise } from '@latte-flow/core';
import { bootBackend, type Device } from '@latte-flow/runtime';
import { integrate, solverByName, solverNames, uniformSigmas } from '@latte-flow/schedulers';
import {
  adaptiveProjectedGuidance,
  autoguidance,
  cfgZeroStarGuidance,
  classifierFreeGuidance,
  guideWithState,
  magnitudeAwareGuidance,
  normLimitedGuidance,
  normPreservingGuidance,
  perturbedGuidance,
  rescaledGuidance,
  tangentialGuidance,
} from '@latte-flow/schedulers/guidance';
import { guideTensorsWithState, integrateTensors } from '@latte-flow/schedulers/tfjs';
import { add, memory, mul, sub, tanh, type Tensor, tensor, tidy } from '@tensorflow/tfjs-core';
import { describe, expect, test } from 'vitest';

import { relativeError } from '../../tooling/test/scheduler-fixtures.ts';
import { webgpuTest } from '../../tooling/test/webgpu.ts';

const SHAPE = [2, 3, 4];
const sample = normalNoise(24, { seed: 1 });
const noise = seededStepNoise({ seed: 2 });

const onHost = (x: Float32Array | Float64Array, sigma: number) =>
  x.map((value) => Math.tanh(1.3 * value + 0.5 * sigma) - 0.2 * value);
const onDevice = (x: Tensor, sigma: number) => tidy(() => sub(tanh(add(mul(x, 1.3), 0.5 * sigma)), mul(x, 0.2)));

/** Every registered solver on tensors against itself on float64 arrays, leaving nothing but its result. */
async function solversAgree(device: Device): Promise<void> {
  await bootBackend({ device });
  const start = tensor(sample, SHAPE);
  for (const name of solverNames()) {
    const grid = { sigmas: uniformSigmas(6).slice(0, -1), noise };
    const host = await integrate(solverByName(name), { ...grid, sample: Float64Array.from(sample), velocity: onHost });
    const before = memory().numTensors;
    const solution = await integrateTensors(solverByName(name), { ...grid, sample: start, velocity: onDevice });
    expect(memory().numTensors, name).toBe(before + 1);
    expect(solution.evaluations, name).toBe(host.evaluations);
    expect(relativeError(await solution.sample.data(), host.sample), name).toBeLessThan(2e-5);
    solution.sample.dispose();
  }
  start.dispose();
}

const rules = [
  classifierFreeGuidance(3),
  autoguidance(2),
  cfgZeroStarGuidance(3),
  adaptiveProjectedGuidance(3, { eta: 0.5, momentum: -0.5, normThreshold: 2 }),
  magnitudeAwareGuidance(4),
  tangentialGuidance(3),
  perturbedGuidance(classifierFreeGuidance(3), { perturbedScale: 2 }),
  rescaledGuidance(classifierFreeGuidance(5), 0.7),
  normPreservingGuidance(classifierFreeGuidance(4)),
  normLimitedGuidance(classifierFreeGuidance(4), 1.1),
];

/** Every rule of guidance on tensors against itself on arrays, twice over for those with memory. */
async function rulesAgree(device: Device): Promise<void> {
  await bootBackend({ device });
  const arrays = {
    conditional: normalNoise(24, { seed: 3 }),
    null: normalNoise(24, { seed: 4 }),
    perturbed: normalNoise(24, { seed: 5 }),
    weak: normalNoise(24, { seed: 6 }),
  };
  const tensors = tidy(() =>
    Object.fromEntries(Object.entries(arrays).map(([branch, values]) => [branch, tensor(values, SHAPE)])),
  );
  for (const rule of rules) {
    const point = { step: 5, steps: 10 };
    const before = memory().numTensors;
    const host = guideWithState(rule, arrays, { ...point, shape: SHAPE });
    const device1 = guideTensorsWithState(rule, tensors, point);
    const hostAgain = guideWithState(rule, arrays, { ...point, shape: SHAPE, state: host.state });
    const device2 = guideTensorsWithState(rule, tensors, { ...point, state: device1.state });
    for (const [guided, expected] of [
      [device1, host],
      [device2, hostAgain],
    ] as const) {
      expect(relativeError(await guided.velocity.data(), expected.velocity), rule.name).toBeLessThan(2e-5);
    }
    for (const { velocity, state } of [device1, device2]) {
      velocity.dispose();
      state?.dispose();
    }
    expect(memory().numTensors, rule.name).toBe(before);
  }
  Object.values(tensors).forEach((branch) => branch.dispose());
}

describe.each(['cpu', 'wasm'] as const)('%s', (device) => {
  test('every solver gives the numbers of float64 arrays, and leaks nothing', () => solversAgree(device));
  test('every rule of guidance gives the numbers of arrays, and leaks nothing', () => rulesAgree(device));
});

webgpuTest('webgpu: every solver gives the numbers of float64 arrays, and leaks nothing', () => solversAgree('webgpu'));
webgpuTest('webgpu: every rule of guidance gives the numbers of arrays, and leaks nothing', () => rulesAgree('webgpu'));
