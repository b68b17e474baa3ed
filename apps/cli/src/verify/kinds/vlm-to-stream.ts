import { join, resolve } from 'node:path';

import { LatteFlowError, describeValue } from '@latte-flow/core';
import { parseLatteFlowConfig } from '@latte-flow/model';
import { TensorOwner } from '@latte-flow/runtime';
import { VisionLanguageModel } from '@latte-flow/vlm';

import { download, list } from '../compare.ts';
import type { Fixture } from '../discover.ts';
import { FixtureTensors } from '../fixture-tensors.ts';
import { EXACT, type FixtureReport } from '../report.ts';
import { STREAM_BOUND, uploadContext, loadParameters } from './stream-fixture.ts';
import { checkSamples } from './stream-sampling.ts';
import { checkVelocities } from './stream-velocity.ts';
import { readModelInputs, readPatches } from './vlm-inputs.ts';

function backboneFolder({ path, content }: Fixture): string {
  const { vlm } = content;
  if (typeof vlm === 'string') return resolve(path, vlm);
  throw new LatteFlowError('checkpoint-invalid', {
    where: 'verify',
    expected: 'vlm in config.json to name the folder of the VLM',
    got: describeValue(vlm),
    remedy: 'Make the fixture again.',
  });
}

/** A VLM's own cache of a padded batch with an image, and the stream that attends to it. */
export async function checkVlmToStream(fixture: Fixture, report: FixtureReport): Promise<void> {
  const config = parseLatteFlowConfig(fixture.content);
  const tensors = await FixtureTensors.read(join(fixture.path, 'fixture.safetensors'));
  using vlm = await VisionLanguageModel.fromPretrained(backboneFolder(fixture), {
    dtype: report.dtype,
    signal: report.signal,
  });
  const images = readPatches(tensors, vlm.config, { prefix: '' });
  const inputs = readModelInputs(tensors, { prefix: '', images });
  using owner = new TensorOwner();
  const context = vlm.encode(inputs, { layers: config.numLayers });
  for (const { key, value } of context.layers) [key, value].forEach((tensor) => owner.own(tensor));
  owner.own(context.mask);

  const cache = { ...STREAM_BOUND, visible: { mask: inputs.mask, axis: 2 } };
  for (const [layer, { key, value }] of context.layers.entries()) {
    for (const [name, actual] of [
      [`cond.k.${layer}`, key],
      [`cond.v.${layer}`, value],
    ] as const) {
      await report.compare(name, cache, async () => [await download(actual), tensors.quantity(name)]);
    }
  }
  await report.compare('cond.end', EXACT, () => [list(context.end), tensors.quantity('cond.end')]);

  const latents = owner.own(tensors.upload('latents'));
  using parameters = await loadParameters(tensors, config, { dtype: report.dtype });
  const stream = { config, tensors, parameters, latents, context };
  await checkVelocities(stream, report);
  await report.section('sample', async () => {
    const spelledOut = tensors.namesAfter('null.').length > 0;
    const nullContext = spelledOut ? uploadContext(tensors, 'null', { layers: config.numLayers, owner }) : undefined;
    await checkSamples({ ...stream, nullContext }, report);
  });
}
