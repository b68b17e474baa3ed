import { encodeSafetensors } from '@latte-flow/checkpoint';
import { writeFolder } from '@latte-flow/checkpoint/node';
import { isAbort, type OnProgress } from '@latte-flow/core';
import { constantSchedule, cosineSchedule, Trainer, type TrainingRecord } from '@latte-flow/trainer';
import { logToFile, resume, saveTrainingState } from '@latte-flow/trainer/node';
import { join } from 'node:path';

import { openBatchPool } from './batch-pool.ts';
import { captioningModel } from './captioning-model.ts';
import { flowModel } from './flow-model.ts';
import type { LearnedModel } from './learned-model.ts';
import type { TrainingConfig } from './training-config.ts';

export interface TrainOptions {
  /** Go on from the state that an earlier run saved in the output folder. Default false. */
  readonly resume?: boolean;
  readonly signal?: AbortSignal;
  readonly onProgress?: OnProgress;
  readonly onLog?: (record: TrainingRecord) => void;
}

export interface TrainResult {
  /** Steps finished in all. */
  readonly step: number;
  /** Where the model was written. */
  readonly checkpoint: string;
}

const STATE_FOLDER = 'state';
const CHECKPOINT_FOLDER = 'checkpoint';
const LOG_FILE = 'log.jsonl';

function scheduleOf({ learningRate, finalLearningRate, warmupSteps, steps }: TrainingConfig) {
  if (finalLearningRate === learningRate) return constantSchedule({ learningRate, warmupSteps });
  return cosineSchedule({ learningRate, finalLearningRate, warmupSteps, steps });
}

async function runTraining<Batch>(
  model: LearnedModel<Batch>,
  config: TrainingConfig,
  { resume: resumes = false, signal, onProgress, onLog }: TrainOptions,
): Promise<TrainResult> {
  await using pool = await openBatchPool(config);
  using trainer = new Trainer<Batch>({
    parameters: model.parameters,
    loss: (batch) => model.loss(batch),
    batch: async (index) => model.upload(await pool.take(index)),
    disposeBatch: (batch) => model.disposeBatch(batch),
    learningRate: scheduleOf(config),
    optimizer: { betas: config.betas, weightDecay: config.weightDecay },
    block: model.block,
    clipNorm: config.clipNorm,
    ema: { decay: config.emaDecay },
    microBatches: config.microBatches,
  });
  const state = join(config.output, STATE_FOLDER);
  if (resumes) await resume(state, trainer, { signal });
  const write = logToFile(join(config.output, LOG_FILE), { step: trainer.step });
  const log = (record: TrainingRecord) => {
    write(record);
    onLog?.(record);
  };
  const { logEvery, saveEvery, steps } = config;
  while (trainer.step < steps) {
    const ahead = Math.min(saveEvery - (trainer.step % saveEvery), steps - trainer.step);
    try {
      await trainer.run({ steps: ahead, logEvery, signal, onProgress, onLog: log });
    } catch (error) {
      // What was learned until an abort is kept, to be resumed.
      if (isAbort(error, signal)) await saveTrainingState(state, trainer);
      throw error;
    }
    await saveTrainingState(state, trainer);
    const files = await model.files();
    const weights = encodeSafetensors(await trainer.emaParameters(), { dtype: 'float16' });
    await writeFolder(join(config.output, CHECKPOINT_FOLDER), new Map([...files, ['model.safetensors', weights]]));
  }
  return { step: trainer.step, checkpoint: join(config.output, CHECKPOINT_FOLDER) };
}

/**
 * Runs a training config on the current backend: draws batches from the corpus, logs to `log.jsonl`, saves its state
 * every `save_every` steps, and with it the averaged weights as a checkpoint in float16.
 *
 * @throws LatteFlowError for a bad config, corpus or backbone, `training-diverged`; the signal's reason on abort, after
 * the state was saved
 */
export async function train(config: TrainingConfig, options: TrainOptions = {}): Promise<TrainResult> {
  if (config.task === 'captioning') {
    using model = await captioningModel(config);
    return await runTraining(model, config, options);
  }
  using model = await flowModel(config);
  return await runTraining(model, config, options);
}
