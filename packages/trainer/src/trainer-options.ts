import type { OnProgress } from '@latte-flow/core';
import type { Scalar } from '@tensorflow/tfjs-core';

import type { AdamWOptions } from './adamw.ts';
import type { BatchSource } from './batch-stream.ts';
import type { LearningRateSchedule } from './learning-rate.ts';
import type { TrainingRecord } from './loss-reader.ts';
import type { TrainableParameters } from './parameter-block.ts';
import type { WeightAverageOptions } from './weight-average.ts';

export interface TrainerOptions<Batch> {
  /** Borrowed. Those that are trainable variables are trained. */
  readonly parameters: TrainableParameters;
  /** The loss of a batch, a scalar, made of the parameters. Called inside `tf.tidy`; `index` is the batch's. */
  readonly loss: (batch: Batch, index: number) => Scalar;
  /** Batch `index`, a pure function of it. Step s uses the indices s * microBatches and the following. */
  readonly batch: BatchSource<Batch>['batch'];
  /** Batches are the trainer's; by default all tensors in them are disposed of after use. */
  readonly disposeBatch?: (batch: Batch) => void;
  readonly learningRate: number | LearningRateSchedule;
  readonly optimizer?: AdamWOptions;
  /** The block of a parameter: those of one block must always get gradients together. Default one block. */
  readonly block?: (name: string) => string;
  /** Gradients are scaled down to this norm, taken over all parameters. Default no clipping. */
  readonly clipNorm?: number;
  /** Keeps an average of the weights. Default none. */
  readonly ema?: WeightAverageOptions;
  /**
   * Gradients are taken of the loss times this and divided by it again before anything else: keeps small ones in the range
   * of half precision where products are made in it. A power of two changes nothing else. Default 1.
   */
  readonly lossScale?: number;
  /**
   * On WebGPU, records the gradients of a batch once and replays them for all batches that differ from it in the values of their
   * tensors alone, so that a step costs no op's JavaScript. For losses that compute on the device: batches are then plain
   * objects of tensors, numbers, strings and booleans, and the loss is a function of the batch alone. Numbers that it makes on the
   * host of anything else, `index` included, stay those of the recording. Intermediate tensors of the largest batch stay on the
   * device while `run` runs. Default false.
   */
  readonly captured?: boolean;
  /** Batches whose mean gradient makes one step. Default 1. */
  readonly microBatches?: number;
}

export interface RunOptions {
  /** How many more steps to make. */
  readonly steps: number;
  /** A record every so many steps (and after the last one). Default 10. */
  readonly logEvery?: number;
  /** Stops between two steps; what was trained so far stays, and `state` can save it. */
  readonly signal?: AbortSignal;
  /** Stage `train`, every step. */
  readonly onProgress?: OnProgress;
  readonly onLog?: (record: TrainingRecord) => void;
}
