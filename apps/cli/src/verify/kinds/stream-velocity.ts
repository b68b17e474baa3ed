import { traceVelocity, type LatteFlowConfig, type PromptContext } from '@latte-flow/model';
import { TensorOwner, type ParameterScope } from '@latte-flow/runtime';
import type { Tensor } from '@tensorflow/tfjs-core';

import { download } from '../compare.ts';
import type { FixtureTensors } from '../fixture-tensors.ts';
import type { FixtureReport } from '../report.ts';
import { STREAM_BOUND } from './stream-fixture.ts';

/** A fixture's stream, ready to run. */
export interface StreamCase {
  readonly config: LatteFlowConfig;
  readonly tensors: FixtureTensors;
  readonly parameters: ParameterScope;
  readonly latents: Tensor;
  readonly context: PromptContext;
}

/** The velocity of every group, and the hidden states and maps that the fixture has. */
export async function checkVelocities(stream: StreamCase, report: FixtureReport): Promise<void> {
  for (let group = 0; group < stream.config.numGroups; group++) {
    await report.section(`group${group}`, () => checkGroup(group, stream, report));
  }
}

async function checkGroup(
  group: number,
  { config, tensors, parameters, latents, context }: StreamCase,
  report: FixtureReport,
): Promise<void> {
  using owner = new TensorOwner();
  const times = tensors.floats(`group${group}.t`);
  const { velocity, hidden, map } = traceVelocity({ latents, times, context, group }, parameters, config);
  for (const tensor of [velocity, ...hidden, ...(map === undefined ? [] : [map])]) owner.own(tensor);

  const compare = (name: string, actual: Tensor | undefined): Promise<void> =>
    report.compare(`group${group}.${name}`, STREAM_BOUND, async () => {
      if (actual === undefined) throw new Error(`The model has no ${name} with this config.`);
      return [await download(actual), tensors.quantity(`group${group}.${name}`)];
    });
  await compare('velocity', velocity);
  // Layers of the stream are numbered within their group. A fixture has all hidden states or none.
  if (tensors.namesAfter('group').some((name) => name.includes('.hidden.'))) {
    for (const [layer, state] of hidden.entries()) await compare(`hidden.${layer}`, state);
  }
  for (const layer of tensors.namesAfter(`group${group}.map.`)) {
    await compare(`map.${layer}`, Number(layer) === hidden.length - 1 ? map : undefined);
  }
}
