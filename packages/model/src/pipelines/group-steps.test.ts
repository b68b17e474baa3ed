import { bootBackend, type Device } from '@latte-flow/runtime';
import type { Branch } from '@latte-flow/schedulers/guidance';
import { concat, dispose, memory, split, tidy, type Tensor } from '@tensorflow/tfjs-core';
import { expect, test } from 'vitest';

import { webgpuTest } from '../../../../tooling/test/webgpu.ts';
import type { PromptContext } from '../generation-stream/context.ts';
import { predictVelocity } from '../generation-stream/velocity.ts';
import { LatteFlow } from '../latte-flow.ts';
import { tinyCheckpoint } from '../testing/tiny-model.ts';
import { randomTensor } from '../testing/tiny-stream.ts';
import { concatContexts, disposeContext } from './contexts.ts';
import { GroupSteps } from './group-steps.ts';

const checkpoint = tinyCheckpoint();
const both: readonly Branch[] = ['conditional', 'null'];

/** Each evaluation beside `predictVelocity`, bit for bit: groups, sets of branches and times in turn. */
async function repliesLikeItself(device: Device): Promise<void> {
  await bootBackend({ device });
  const start = memory().numTensors;
  using model = await LatteFlow.fromPretrained(checkpoint.folder);
  const before = memory() as ReturnType<typeof memory> & { numBytesInGPU?: number };
  const single = model.encodePrompts(['a red apple', 'two dogs']);
  const contexts = new Map<string, PromptContext>([
    ['conditional', single],
    ['conditional null', concatContexts([single, single])],
  ]);
  const steps = new GroupSteps(model, contexts);
  const level: number[] = [];
  const evaluations: [number, readonly Branch[], boolean, number][] = [
    [0, both, true, 0.1],
    [0, both, true, 0.2],
    [0, ['conditional'], false, 0.2], // runs as it is
    [0, ['conditional'], false, 0.25], // a second stage: captured
    [0, both, true, 0.4],
    [1, both, true, 0.6],
    [1, both, true, 1],
  ];
  for (const [i, [group, branches, isRepeated, time]] of evaluations.entries()) {
    const { latentChannels, latentSize } = model.config;
    const x = randomTensor([2, latentChannels, latentSize, latentSize], i);
    const found = steps.velocities(x, { time, group, branches, isRepeated });
    const expected = tidy((): Tensor[] => {
      const latents = branches.length === 1 ? x : concat([x, x]);
      const times = new Float64Array(latents.shape[0]!).fill(time);
      const context = contexts.get(branches.join(' '))!;
      const velocity = predictVelocity({ latents, times, context, group }, model.parameters, model.config);
      return branches.length === 1 ? [velocity] : split(velocity, 2);
    });
    for (const [branch, velocity] of found.entries()) {
      expect(await velocity.data(), `evaluation ${i}`).toEqual(await expected[branch]!.data());
    }
    dispose([x, found, expected]);
    level.push(memory().numTensors);
  }
  // Captured steps keep tensors: none, both, both and one, and none of the group before.
  const kept = level.map((count) => count - level[0]!);
  if (device === 'webgpu')
    expect([kept[1], kept[3]! > kept[2]!, kept[4]! - kept[3]!, kept[5]]).toEqual([0, true, 0, 0]);
  else expect(new Set(kept)).toEqual(new Set([0]));
  expect(() => steps.velocities(single.mask, { time: 1.1, group: 0, branches: both, isRepeated: false })).toThrow(
    'time to be a finite number in [0, 1]',
  );
  const wrong = () => steps.velocities(single.mask, { time: 0.5, group: 0, branches: both, isRepeated: true });
  expect(wrong).toThrow(expect.objectContaining({ code: 'shape-mismatch' }));
  steps[Symbol.dispose]();
  for (const context of contexts.values()) disposeContext(context);
  const { numTensors, numBytesInGPU } = memory() as typeof before;
  expect(numTensors).toBe(before.numTensors);
  // Weights reached the device; all else is gone.
  if (device === 'webgpu') expect(numBytesInGPU! - before.numBytesInGPU!).toBeLessThanOrEqual(model.parameters.bytes);
  model.dispose();
  expect(memory().numTensors).toBe(start);
}

test.each(['cpu', 'wasm'] as const)('on %s gives what predictVelocity gives, and leaves nothing', repliesLikeItself);

webgpuTest('on webgpu gives what predictVelocity gives, captured or not, and leaves nothing', () =>
  repliesLikeItself('webgpu'),
);
