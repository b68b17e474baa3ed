import {
  DcAutoencoder,
  dcParameterShapes,
  serialiseDcAutoencoderConfig,
  type DcAutoencoderConfig,
} from '@latte-flow/autoencoder';
import {
  initialiseDcParameters,
  isTrainableDcParameter,
  LatentMoments,
  reconstructionLoss,
  type ReconstructionBatch,
} from '@latte-flow/autoencoder/training';
import { float32Tensors, openFileStore, readWeights } from '@latte-flow/checkpoint';
import { ParameterStore, type ParameterValues } from '@latte-flow/runtime';
import { dispose, tensor } from '@tensorflow/tfjs-core';

import { SCENE_SIZE } from '../corpus/index.ts';
import { parseTrainedAutoencoder, sceneLatentSide, type AutoencoderHostBatch } from './autoencoder-batches.ts';
import { hostBatches } from './host-batches.ts';
import { jsonFile } from './json-file.ts';
import type { LearnedModel } from './learned-model.ts';
import type { TrainingConfig } from './training-config.ts';

/** Pictures over which the latents' statistics are taken. */
const MEASURED_PICTURES = 128;

async function startingValues(
  { initial, seed }: TrainingConfig,
  config: DcAutoencoderConfig,
): Promise<ReadonlyMap<string, ParameterValues>> {
  if (initial === undefined) return initialiseDcParameters(config, seed);
  return new Map(float32Tensors(await readWeights(await openFileStore(initial))));
}

/** The config with what the latents of trained weights turned out to be, over the first pictures of the run. */
async function measuredConfig(
  training: TrainingConfig,
  config: DcAutoencoderConfig,
  weights: ReadonlyMap<string, ParameterValues>,
): Promise<DcAutoencoderConfig> {
  const draw = await hostBatches(training);
  using model = new DcAutoencoder(config, ParameterStore.upload(weights, { where: 'train' }));
  const moments = new LatentMoments(config.latentChannels);
  const { batchSize } = training;
  for (let index = 0; index * batchSize < MEASURED_PICTURES; index++) {
    const { images } = draw(index) as AutoencoderHostBatch;
    const pictures = tensor(images, [batchSize, config.inChannels, SCENE_SIZE, SCENE_SIZE]);
    const latents = await model.encode(pictures, { scaled: false }).finally(() => pictures.dispose());
    await moments.add(latents).finally(() => latents.dispose());
  }
  const rounded = (value: number): number => Number(value.toPrecision(6));
  const { mean, std } = moments.statistics();
  return {
    ...config,
    scalingFactor: rounded(moments.scalingFactor()),
    latentStatistics: { mean: mean.map(rounded), std: std.map(rounded) },
  };
}

/** A DC-AE, taught to reconstruct scenes. */
export async function autoencoderModel(training: TrainingConfig): Promise<LearnedModel<ReconstructionBatch>> {
  const config = parseTrainedAutoencoder(training.model);
  const { structureWeight, latentWeight, latentNoise } = training;
  const parameters = ParameterStore.upload(await startingValues(training, config), {
    where: 'train',
    expected: dcParameterShapes(config),
    trainable: isTrainableDcParameter,
  });
  const side = sceneLatentSide(config);
  return {
    parameters,
    block: () => 'all',
    isCaptured: true,
    upload(batch) {
      const { images, noise } = batch as AutoencoderHostBatch;
      return {
        images: tensor(images, [training.batchSize, config.inChannels, SCENE_SIZE, SCENE_SIZE]),
        noise: tensor(noise, [training.batchSize, config.latentChannels, side, side]),
      };
    },
    disposeBatch: ({ images, noise }) => dispose([images, noise!]),
    loss: (batch) => reconstructionLoss(batch, { config, parameters }, { structureWeight, latentWeight, latentNoise }),
    async files(weights) {
      const measured = await measuredConfig(training, config, weights);
      return new Map([['config.json', jsonFile(serialiseDcAutoencoderConfig(measured))]]);
    },
    [Symbol.dispose]: () => parameters.dispose(),
  };
}
