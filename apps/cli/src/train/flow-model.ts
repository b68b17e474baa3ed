import {
  disposeContext,
  generationStreamShapes,
  layerOfParameter,
  layersPerGroup,
  parseLatteFlowConfig,
  serialiseLatteFlowConfig,
  type LatteFlowConfig,
} from '@latte-flow/model';
import { flowMatchingLoss, initialiseGenerationStream, type FlowBatch } from '@latte-flow/model/training';
import { ParameterStore } from '@latte-flow/runtime';
import { VisionLanguageModel } from '@latte-flow/vlm';
import { dispose, tensor } from '@tensorflow/tfjs-core';

import type { FlowHostBatch } from './flow-batches.ts';
import { jsonFile } from './json-file.ts';
import type { LearnedModel } from './learned-model.ts';
import type { TrainingConfig } from './training-config.ts';

/** The groups' layers are blocks of their own; a gate without a predecessor gets no gradient at all. */
function blockOf(name: string, config: LatteFlowConfig): string {
  const layer = layerOfParameter(name);
  if (layer === undefined) return 'shared';
  const perGroup = layersPerGroup(config);
  const hasGate = config.residualAttention !== 'off' && layer % perGroup !== 0;
  if (name.includes('.residual_gate.') && !hasGate) return 'untouched';
  return `group ${Math.floor(layer / perGroup)}`;
}

/** A generation stream over a frozen backbone (Couple), taught to draw scenes from their captions. */
export async function flowModel({ model, seed, backbone: location }: TrainingConfig): Promise<LearnedModel<FlowBatch>> {
  const config = parseLatteFlowConfig(model);
  const backbone = await VisionLanguageModel.fromPretrained(location);
  const values = initialiseGenerationStream(config, { seed, backbone: await backbone.parameters.download() });
  const parameters = ParameterStore.upload(values, {
    where: 'train',
    expected: generationStreamShapes(config),
    trainable: true,
  });
  const { latentChannels, latentSize } = config;
  return {
    parameters,
    block: (name) => blockOf(name, config),
    upload(batch) {
      const { images, noise, times, inputs, group } = batch as FlowHostBatch;
      const shape = [times.length, latentChannels, latentSize, latentSize];
      const context = backbone.encode(inputs, { layers: (group + 1) * layersPerGroup(config) });
      return { data: tensor(images, shape), noise: tensor(noise, shape), times, group, context };
    },
    disposeBatch({ data, noise, context }) {
      dispose([data, noise]);
      disposeContext(context);
    },
    loss: (batch) => flowMatchingLoss(batch, parameters, config),
    files: async () => new Map([['config.json', jsonFile(serialiseLatteFlowConfig(config))]]),
    [Symbol.dispose]() {
      parameters.dispose();
      backbone.dispose();
    },
  };
}
