import { float32Tensors, openFileStore, readWeights } from '@latte-flow/checkpoint';
import { requireInteger } from '@latte-flow/core';
import {
  generationStreamShapes,
  LatteFlow,
  layerOfParameter,
  layersPerGroup,
  parseLatteFlowConfig,
  serialiseLatteFlowConfig,
  type LatteFlowConfig,
} from '@latte-flow/model';
import {
  disposePreparedFlowBatch,
  initialiseGenerationStream,
  preparedFlowLoss,
  prepareFlowBatch,
  type PreparedFlowBatch,
} from '@latte-flow/model/training';
import { ParameterStore, type ParameterValues } from '@latte-flow/runtime';
import { adapterOf, encodeTexts, uploadInputs, VisionLanguageModel, type TextTensors } from '@latte-flow/vlm';
import { dispose, tensor, type Tensor2D, type TensorContainer } from '@tensorflow/tfjs-core';

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

/** The values that a run starts from: those of a checkpoint, or a replica of the backbone with new parts. */
async function startingValues(
  { initial, seed }: TrainingConfig,
  { config, backbone }: { config: LatteFlowConfig; backbone: VisionLanguageModel },
): Promise<ReadonlyMap<string, ParameterValues>> {
  if (initial === undefined) {
    return initialiseGenerationStream(config, {
      seed,
      backbone: await backbone.parameters.download(),
      decoderPrefix: adapterOf(backbone.config).decoderPrefix,
    });
  }
  const weights = await readWeights(await openFileStore(initial));
  return new Map(float32Tensors(weights));
}

/** Which parameters a run trains. */
function trainableOf({ groups }: TrainingConfig, config: LatteFlowConfig): (name: string) => boolean {
  if (groups === undefined) return () => true;
  for (const group of groups) requireInteger('train', 'groups', group, { min: 0, max: config.numGroups - 1 });
  return (name) => {
    const layer = layerOfParameter(name);
    return layer !== undefined && groups.includes(Math.floor(layer / layersPerGroup(config)));
  };
}

/** A trainable stream over the backbone of a folder; the caller disposes of it. */
async function startingLatteFlow(training: TrainingConfig, signal: AbortSignal | undefined): Promise<LatteFlow> {
  const { model, backbone: location } = training;
  const config = parseLatteFlowConfig(model);
  const backbone = await VisionLanguageModel.fromPretrained(location, { signal });
  let parameters: ParameterStore | undefined;
  try {
    const values = await startingValues(training, { config, backbone });
    const expected = generationStreamShapes(config);
    parameters = ParameterStore.upload(values, { where: 'train', expected, trainable: trainableOf(training, config) });
    return new LatteFlow(config, backbone, parameters);
  } catch (error) {
    parameters?.dispose();
    backbone.dispose();
    throw error;
  }
}

/** A batch of scenes, with their captions still to be read by the backbone. */
interface FlowTrainingBatch extends PreparedFlowBatch {
  readonly texts: Pick<TextTensors, 'ids' | 'rope' | 'visibility'>;
}

/** A generation stream over a frozen backbone (Couple), taught to draw scenes from their captions. */
export async function flowModel(
  training: TrainingConfig,
  signal?: AbortSignal,
): Promise<LearnedModel<FlowTrainingBatch>> {
  const model = await startingLatteFlow(training, signal);
  const { config, backbone, parameters } = model;
  const { latentChannels, latentSize } = config;
  return {
    parameters,
    block: (name) => blockOf(name, config),
    isCaptured: true,
    upload(batch) {
      const { images, noise, times, inputs, group } = batch as FlowHostBatch;
      const shape = [times.length, latentChannels, latentSize, latentSize];
      const { ids, rope, visibility, mask, end: ends } = uploadInputs(backbone.config, inputs);
      const parts = { data: tensor(images, shape), noise: tensor(noise, shape), mask, times, ends, group };
      return { ...prepareFlowBatch(parts, config), texts: { ids, rope, visibility } };
    },
    disposeBatch({ texts, ...batch }) {
      disposePreparedFlowBatch(batch);
      dispose(texts as unknown as TensorContainer);
    },
    loss({ texts, ...batch }) {
      const options = {
        texts: { ...texts, mask: batch.mask as Tensor2D },
        layers: (batch.group + 1) * layersPerGroup(config),
      };
      const layers = encodeTexts(backbone.parameters, backbone.config, options);
      return preparedFlowLoss(batch, { layers, parameters, config });
    },
    files: async () => new Map([['config.json', jsonFile(serialiseLatteFlowConfig(config))]]),
    [Symbol.dispose]: () => model.dispose(),
  };
}
