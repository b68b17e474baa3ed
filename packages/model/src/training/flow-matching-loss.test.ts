import { bootBackend, ParameterStore } from '@latte-flow/runtime';
import { dispose, memory, tensor, variableGrads } from '@tensorflow/tfjs-core';
import { beforeAll, describe, expect, test } from 'vitest';

import { layerOfParameter } from '../generation-stream/parameter-shapes.ts';
import { predictVelocity } from '../generation-stream/velocity.ts';
import { disposeContext } from '../pipelines/contexts.ts';
import { randomContext, randomParameters, randomTensor, tinyConfig } from '../testing/tiny-stream.ts';
import { flowMatchingLoss } from './flow-matching-loss.ts';

describe.each(['cpu', 'wasm'] as const)('%s', (device) => {
  beforeAll(() => bootBackend({ device }).then(() => undefined));

  test('is the mean of (v(x_t, t) - (x1 - x0))^2, each member at its own time, through one group', async () => {
    const before = memory().numTensors;
    const store = ParameterStore.upload(randomParameters(tinyConfig), { where: 'test', trainable: true });
    const context = randomContext(tinyConfig, [[1, 1, 0], [1, 1, 1]], 100); // prettier-ignore
    const [data, noise] = [randomTensor([2, 2, 4, 4], 1), randomTensor([2, 2, 4, 4], 2)];
    const times = [0.6, 0.9];
    const variables = store.variables();
    const { value, grads } = variableGrads(
      () => flowMatchingLoss({ data, noise, times, context, group: 1 }, store, tinyConfig),
      [...variables.values()],
    );

    const [x1, x0] = [await data.data(), await noise.data()];
    const mixed = x1.map((clean, i) => times[i < 32 ? 0 : 1]! * clean + (1 - times[i < 32 ? 0 : 1]!) * x0[i]!);
    const latents = tensor(mixed, [2, 2, 4, 4]);
    const velocity = predictVelocity({ latents, times, context, group: 1 }, store, tinyConfig);
    const v = (await velocity.data()) as Float32Array;
    const expected = v.reduce((sum, at, i) => sum + (at - (x1[i]! - x0[i]!)) ** 2, 0) / v.length;
    const [loss] = await value.data();
    expect(Math.abs(loss! - expected)).toBeLessThan(1e-5 * expected);

    for (const [name, variable] of variables) {
      const layer = layerOfParameter(name);
      const gradient = grads[variable.name];
      const isFirst =
        name === 'layers.2.self_attn.residual_gate.weight' || name === 'layers.2.self_attn.residual_gate.bias';
      // Nothing comes before the group's first layer for its gate to add.
      const isReached = (layer === undefined || layer >= 2) && !isFirst;
      const largest = gradient === undefined ? 0 : Math.max(...(await gradient.data()).map(Math.abs));
      expect(largest > 0, name).toBe(isReached);
    }
    dispose([value, data, noise, latents, velocity, ...Object.values(grads).filter((grad) => grad !== null)]);
    disposeContext(context);
    store.dispose();
    expect(memory().numTensors).toBe(before);
  });

  test('refuses noise of another shape and times outside [0, 1]', () => {
    using store = ParameterStore.upload(randomParameters(tinyConfig), { where: 'test' });
    const context = randomContext(tinyConfig, [[1]], 100);
    const [data, noise] = [randomTensor([1, 2, 4, 4], 1), randomTensor([2, 2, 4, 4], 2)];
    const before = memory().numTensors;
    const loss = (of: object) => () =>
      flowMatchingLoss({ data, noise: data, times: [0.1], context, group: 0, ...of }, store, tinyConfig);
    expect(loss({ noise })).toThrow('flowMatchingLoss: expected noise of shape [1, 2, 4, 4], got [2, 2, 4, 4]');
    expect(loss({ times: [-0.1] })).toThrow('times[0]');
    expect(memory().numTensors).toBe(before);
    dispose([data, noise]);
    disposeContext(context);
  });
});
