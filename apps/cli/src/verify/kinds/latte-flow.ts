import { join } from 'node:path';

import { parseLatteFlowConfig } from '@latte-flow/model';
import { TensorOwner } from '@latte-flow/runtime';

import type { Fixture } from '../discover.ts';
import { FixtureTensors } from '../fixture-tensors.ts';
import type { FixtureReport } from '../report.ts';
import { uploadContext, loadParameters } from './stream-fixture.ts';
import { checkSamples } from './stream-sampling.ts';
import { checkTraining } from './stream-training.ts';
import { checkVelocities } from './stream-velocity.ts';

/** A generation stream whose context the fixture spells out. */
export async function checkLatteFlow({ path, content }: Fixture, report: FixtureReport): Promise<void> {
  const config = parseLatteFlowConfig(content);
  const tensors = await FixtureTensors.read(join(path, 'fixture.safetensors'));
  using owner = new TensorOwner();
  const contextOf = (branch: 'cond' | 'null') => uploadContext(tensors, branch, { layers: config.numLayers, owner });
  const context = contextOf('cond');
  const latents = owner.own(tensors.upload('latents'));
  {
    using parameters = await loadParameters(tensors, config, { dtype: report.dtype });
    const stream = { config, tensors, parameters, latents, context };
    await checkVelocities(stream, report);
    await report.section('sample', async () => {
      const nullContext = tensors.namesAfter('null.').length > 0 ? contextOf('null') : undefined;
      await checkSamples({ ...stream, nullContext }, report);
    });
  }
  await checkTraining({ config, tensors, context }, report);
}
