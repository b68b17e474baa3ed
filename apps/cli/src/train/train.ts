import { encodeSafetensors } from '@latte-flow/checkpoint';
import { writeFolder } from '@latte-flow/checkpoint/node';
import { isAbort, type OnProgress, type Progress } from '@latte-flow/core';
import { withPrecision } from '@latte-flow/ops';
import { constantSchedule, cosineSchedule, Trainer, type TrainingRecord } from '@latte-flow/trainer';
import { logToFile, resume, saveTrainingState } from '@latte-flow/trainer/node';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';

import { autoencoderModel } from './autoencoder-model.ts';
import { openBatchPool, type BatchPool } from './batch-pool.ts';
import { captioningModel } from './captioning-model.ts';
import { flowModel } from './flow-model.ts';
import type { LearnedModel } from './learned-model.ts';
import { lossScale } from './loss-scale.ts';
import type { TrainingConfig } from './training-config.ts';

export interface TrainOptions {
  /** Go on from the state that an earlier run saved in the output folder. Default false. */
  readonly resume?: boolean;
  readonly signal?: AbortSignal;
  /** Stage `train`, every step. */
  readonly onProgress?: OnProgress;
  readonly onLog?: (record: TrainingRecord) => void;
  /** Called with the step of each state, once it is saved. */
  readonly onSave?: (step: number) => void;
}

export interface TrainResult {
  /** Steps finished in all. */
  readonly steps: number;
  /** The loss that was logged last; absent where a resumed run had no step left to make. */
  readonly loss?: number;
  /** Folder of the trained model. */
  readonly checkpoint: string;
  /** JSON lines, one a record. */
  readonly log: string;
}

function scheduleOf({ learningRate, finalLearningRate, warmupSteps, steps }: TrainingConfig) {
  if (finalLearningRate === learningRate) return constantSchedule({ learningRate, warmupSteps });
  return cosineSchedule({ learningRate, finalLearningRate, warmupSteps, steps });
}

/** The trainer of a run; the caller disposes of it. */
export function trainerOf<Batch>(model: LearnedModel<Batch>, pool: BatchPool, config: TrainingConfig): Trainer<Batch> {
  const { betas, weightDecay, clipNorm, emaDecay, microBatches, dtype } = config;
  return new Trainer<Batch>({
    parameters: model.parameters,
    loss: (batch) => withPrecision(dtype, () => model.loss(batch)),
    lossScale: lossScale(config),
    async batch(index) {
      const batch = await pool.take(index);
      return withPrecision(dtype, () => model.upload(batch));
    },
    disposeBatch: (batch) => model.disposeBatch(batch),
    captured: model.isCaptured,
    learningRate: scheduleOf(config),
    optimizer: { betas, weightDecay },
    block: model.block,
    clipNorm,
    ema: { decay: emaDecay },
    microBatches,
  });
}

/** Replaces the checkpoint by the averaged weights, those that were not trained, all float16, and the model's other files. */
async function writeCheckpoint<Batch>(
  folder: string,
  model: LearnedModel<Batch>,
  trainer: Trainer<Batch>,
): Promise<void> {
  const values = new Map([...(await model.parameters.download()), ...(await trainer.emaParameters())]);
  const weights = encodeSafetensors(values, { dtype: 'float16' });
  await writeFolder(folder, new Map([...(await model.files(values)), ['model.safetensors', weights]]));
}

async function runTraining<Batch>(
  { model, pool }: { model: LearnedModel<Batch>; pool: BatchPool },
  config: TrainingConfig,
  { resume: resumes = false, signal, onProgress, onLog, onSave }: TrainOptions,
): Promise<TrainResult> {
  using trainer = trainerOf(model, pool, config);
  const { output, logEvery, saveEvery, steps } = config;
  const [state, checkpoint, log] = [join(output, 'state'), join(output, 'checkpoint'), join(output, 'log.jsonl')];
  if (resumes) await resume(state, trainer, { signal });
  // The state of another run must not be resumed after this one.
  else await rm(state, { recursive: true, force: true });
  const save = async () => {
    await saveTrainingState(state, trainer);
    onSave?.(trainer.step);
  };
  const write = logToFile(log, { step: trainer.step });
  let loss: number | undefined;
  const report = {
    onLog(record: TrainingRecord) {
      write(record);
      loss = record.loss;
      onLog?.(record);
    },
    // The trainer counts to the next save and knows its own losses only; people want the end of all and the last loss.
    onProgress({ metrics = loss === undefined ? undefined : { loss }, ...progress }: Progress) {
      onProgress?.({ ...progress, steps, metrics });
    },
  };
  // Once even where all steps are made: a run killed after its last state has yet to write the checkpoint.
  do {
    const untilSave = saveEvery - (trainer.step % saveEvery);
    const ahead = Math.max(0, Math.min(untilSave, steps - trainer.step));
    try {
      await trainer.run({ steps: ahead, logEvery, signal, ...report });
    } catch (error) {
      // What was learned until an abort is kept, to be resumed.
      if (isAbort(error, signal)) await save();
      throw error;
    }
    await save();
    await writeCheckpoint(checkpoint, model, trainer);
  } while (trainer.step < steps);
  return { steps: trainer.step, loss, checkpoint, log };
}

/**
 * Runs a training config on the current backend: draws batches from the corpus, logs to `log.jsonl`, saves its state
 * below `state/` every `save_every` steps, and with it the averaged weights as a checkpoint in float16. Without `resume`
 * it starts anew and replaces what an earlier run left in the output folder.
 *
 * @throws LatteFlowError for a bad config, corpus or backbone, before anything is uploaded or written; `file-not-found`
 * if there is no state to resume; `training-diverged`; the signal's reason on abort, after the state was saved
 */
export async function train(config: TrainingConfig, options: TrainOptions = {}): Promise<TrainResult> {
  await using pool = await openBatchPool(config);
  if (config.task === 'captioning') {
    using model = await captioningModel(config);
    return await runTraining({ model, pool }, config, options);
  }
  if (config.task === 'autoencoder') {
    using model = await autoencoderModel(config);
    return await runTraining({ model, pool }, config, options);
  }
  using model = await flowModel(config, options.signal);
  return await runTraining({ model, pool }, config, options);
}
