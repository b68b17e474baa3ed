import { openBatchPool } from '../../apps/cli/src/train/batch-pool.ts';
import { autoencoderModel } from '../../apps/cli/src/train/autoencoder-model.ts';
import { captioningModel } from '../../apps/cli/src/train/captioning-model.ts';
import { flowModel } from '../../apps/cli/src/train/flow-model.ts';
import type { LearnedModel } from '../../apps/cli/src/train/learned-model.ts';
import { lossScale } from '../../apps/cli/src/train/loss-scale.ts';
import { readTrainingConfig, type TrainingConfig } from '../../apps/cli/src/train/training-config.ts';
import { withPrecision } from '@latte-flow/ops';
import { Trainer } from '@latte-flow/trainer';

/** Batches that are drawn before the run and used again and again: drawing is not what is measured. */
const BATCHES = 16;

const models = { flow: flowModel, captioning: captioningModel, autoencoder: autoencoderModel } as const;

export interface TrainingRun {
  readonly config: TrainingConfig;
  readonly trainer: Trainer<unknown>;
}

export interface TrainingRunOptions {
  /** Default: the config's. */
  readonly batchSize?: number;
  readonly dtype?: string;
  /** Called around the work of uploading a batch and of a loss. */
  readonly phase?: <T>(name: 'upload' | 'loss', work: () => T) => T;
}

/** The trainer that `latte train` makes of a config, over a few batches, on the current backend. */
export async function openTrainingRun(
  file: string,
  { batchSize, dtype, phase = (_, work) => work() }: TrainingRunOptions = {},
): Promise<TrainingRun> {
  const read = await readTrainingConfig(file);
  const config: TrainingConfig = {
    ...read,
    workers: 0,
    initial: undefined,
    batchSize: batchSize ?? read.batchSize,
    dtype: dtype === 'float16' ? 'float16' : dtype === undefined ? read.dtype : 'float32',
  };
  const model = (await models[config.task](config)) as LearnedModel<unknown>;
  await using pool = await openBatchPool(config);
  const batches = await Promise.all(Array.from({ length: BATCHES }, (_, i) => pool.take(i)));
  const trainer = new Trainer<unknown>({
    parameters: model.parameters,
    loss: (batch) => phase('loss', () => withPrecision(config.dtype, () => model.loss(batch))),
    batch: (index) => phase('upload', () => withPrecision(config.dtype, () => model.upload(batches[index % BATCHES]!))),
    disposeBatch: (batch) => model.disposeBatch(batch),
    captured: model.isCaptured,
    learningRate: config.learningRate / 10,
    optimizer: { betas: config.betas, weightDecay: config.weightDecay },
    block: model.block,
    clipNorm: config.clipNorm,
    ema: { decay: config.emaDecay },
    lossScale: lossScale(config),
  });
  return { config, trainer };
}
