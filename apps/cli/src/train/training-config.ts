import { describeValue, LatteFlowError, requireFinite, requireInteger, requireOneOf } from '@latte-flow/core';
import type { Precision } from '@latte-flow/ops';
import { readFile } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';

import { splits, type Split } from '../corpus/index.ts';
import { parseTimeDensity, type TimeDensityConfig } from './time-density-config.ts';

/**
 * What a run teaches: a vision-language model to answer, a generation stream over a frozen one to draw, or an autoencoder to
 * reconstruct pictures.
 */
export const trainingTasks = ['captioning', 'flow', 'autoencoder'] as const;
export type TrainingTask = (typeof trainingTasks)[number];

/** The scenes that a run draws from the corpus. */
export interface SceneChoice {
  /** Plain scenes: white background, one large object in the centre. */
  readonly plain: number;
  /** Scenes of two objects. */
  readonly pair: number;
  /** Labels of the concepts to draw. Default: all of the corpus. */
  readonly concepts?: readonly string[];
  /** Styles to draw. Default: all of the corpus. */
  readonly styles?: readonly string[];
  /** Splits to draw from. Default: `train` alone. */
  readonly splits: readonly Split[];
}

/** One training run; `train.json` spells it in snake_case. Paths are absolute after reading. */
export interface TrainingConfig {
  readonly task: TrainingTask;
  readonly seed: number;
  /** The corpus folder. */
  readonly corpus: string;
  /** The backbone's folder: the tokenizer is read from it, for `flow` the frozen weights too. Empty for `autoencoder`. */
  readonly backbone: string;
  /** Where the trained model, its log and the training state go. */
  readonly output: string;
  /** The model's own config, as it will stand in its config.json. */
  readonly model: Readonly<Record<string, unknown>>;
  readonly steps: number;
  readonly batchSize: number;
  /** How products multiply; weights, sums and the optimiser are float32 in both. */
  readonly dtype: Precision;
  readonly microBatches: number;
  readonly learningRate: number;
  readonly finalLearningRate: number;
  readonly warmupSteps: number;
  readonly betas: readonly [number, number];
  readonly weightDecay: number;
  readonly clipNorm: number;
  readonly emaDecay: number;
  readonly logEvery: number;
  /** Steps between two saved states. */
  readonly saveEvery: number;
  /** Threads that draw batches; 0 draws them in the main thread. Default: one less than the cores, at most 16. */
  readonly workers?: number;
  readonly scenes: SceneChoice;
  /** `captioning`: share of pictures that get noise and blur, so that the model reads imperfect ones too. */
  readonly corruption: number;
  /** `captioning`: every so many batches, one of text alone. 0 = never. */
  readonly textEvery: number;
  /** `flow`: share of prompts that are replaced by the null prompt, for guidance. */
  readonly promptDropout: number;
  /**
   * `flow`, `autoencoder`: the folder of a model whose weights the run starts from. Default: a fresh replica of the
   * backbone, or a fresh autoencoder.
   */
  readonly initial?: string;
  /**
   * `flow`: the groups whose layers are trained; other groups and the parts that all groups share stay as they are. Group
   * k sees the same batches whichever groups are trained beside it, so that experts can be trained apart. Default: all,
   * and the shared parts.
   */
  readonly groups?: readonly number[];
  /** `flow`: density of the training times. */
  readonly timeDensity: TimeDensityConfig;
  /** `autoencoder`: weight of errors in the structure (Haar coefficients) beside those of pixels. */
  readonly structureWeight: number;
  /** `autoencoder`: weight of the latents' mean square. */
  readonly latentWeight: number;
  /** `autoencoder`: standard deviation of the noise on latents that are decoded. */
  readonly latentNoise: number;
}

const WHERE = 'readTrainingConfig';

type Json = Readonly<Record<string, unknown>>;

function refuse(expected: string, got: string, file: string): never {
  throw new LatteFlowError('invalid-argument', { where: WHERE, expected, got, remedy: `Correct ${file}.` });
}

function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

const share = (json: Json, name: string, fallback: number) =>
  requireFinite(WHERE, name, json[name] ?? fallback, { min: 0, max: 1 });
const count = (json: Json, name: string, fallback?: number, min = 1) =>
  requireInteger(WHERE, name, json[name] ?? fallback, { min });
const amount = (json: Json, name: string, fallback?: number) =>
  requireFinite(WHERE, name, json[name] ?? fallback, { min: 0 });

/** The keys of the file. */
export const trainingConfigKeys: readonly string[] = [
  'task seed corpus backbone output model steps batch_size dtype micro_batches learning_rate final_learning_rate warmup_steps',
  'betas weight_decay clip_norm ema_decay log_every save_every workers scenes corruption text_every prompt_dropout',
  'initial groups time_density structure_weight latent_weight latent_noise',
].flatMap((line) => line.split(' '));

/** @throws LatteFlowError `invalid-argument` naming the field that is missing, unknown or out of range. */
export function parseTrainingConfig(json: unknown, file: string): TrainingConfig {
  if (!isObject(json)) refuse('a JSON object', describeValue(json), file);
  const refuseUnknown = (part: Json, keys: readonly string[]) => {
    const unknown = Object.keys(part).find((key) => !keys.includes(key));
    if (unknown !== undefined) refuse(`only the keys ${keys.join(', ')}`, unknown, file);
  };
  refuseUnknown(json, trainingConfigKeys);
  const path = (name: string) => {
    const value = json[name];
    return typeof value === 'string'
      ? resolve(dirname(file), value)
      : refuse(`${name} to be a path`, describeValue(value), file);
  };
  const object = (name: string, value: unknown): Json =>
    isObject(value) ? value : refuse(`${name} to be an object`, describeValue(value), file);
  const part = (name: string, keys: readonly string[]): Json => {
    const value = object(name, json[name] ?? {});
    refuseUnknown(value, keys);
    return value;
  };
  const betas = json['betas'] ?? [0.9, 0.99];
  if (!Array.isArray(betas) || betas.length !== 2) refuse('betas to be two numbers', describeValue(betas), file);
  const list = <T>(value: unknown, name: string, item: (value: unknown, name: string) => T): T[] | undefined => {
    if (value === undefined) return undefined;
    if (!Array.isArray(value) || value.length === 0) return refuse(`${name} to be a list`, describeValue(value), file);
    return value.map((element, i) => item(element, `${name}[${i}]`));
  };
  const text = (value: unknown, name: string) =>
    typeof value === 'string' ? value : refuse(`${name} to be text`, describeValue(value), file);
  const scenes = part('scenes', ['plain', 'pair', 'concepts', 'styles', 'splits']);
  const task = requireOneOf(WHERE, 'task', json['task'], trainingTasks);
  return {
    task,
    seed: count(json, 'seed', 0, 0),
    corpus: path('corpus'),
    backbone: task === 'autoencoder' ? '' : path('backbone'),
    output: path('output'),
    model: object('model', json['model']),
    steps: count(json, 'steps'),
    batchSize: count(json, 'batch_size'),
    dtype: requireOneOf(WHERE, 'dtype', json['dtype'] ?? 'float32', ['float32', 'float16']),
    microBatches: count(json, 'micro_batches', 1),
    learningRate: amount(json, 'learning_rate'),
    finalLearningRate: amount(json, 'final_learning_rate', 0),
    warmupSteps: count(json, 'warmup_steps', 0, 0),
    betas: [amount({ beta1: betas[0] }, 'beta1'), amount({ beta2: betas[1] }, 'beta2')],
    weightDecay: amount(json, 'weight_decay', 0.01),
    clipNorm: amount(json, 'clip_norm', 1),
    emaDecay: share(json, 'ema_decay', 0.999),
    logEvery: count(json, 'log_every', 20),
    saveEvery: count(json, 'save_every', 500),
    workers: json['workers'] === undefined ? undefined : count(json, 'workers', 0, 0),
    scenes: {
      plain: share(scenes, 'plain', 0.5),
      pair: share(scenes, 'pair', 0.1),
      concepts: list(scenes['concepts'], 'scenes.concepts', text),
      styles: list(scenes['styles'], 'scenes.styles', text),
      splits: list(scenes['splits'], 'scenes.splits', (value, name) => requireOneOf(WHERE, name, value, splits)) ?? [
        'train',
      ],
    },
    corruption: share(json, 'corruption', 0),
    textEvery: count(json, 'text_every', 0, 0),
    promptDropout: share(json, 'prompt_dropout', 0.1),
    initial: json['initial'] === undefined ? undefined : path('initial'),
    groups: list(json['groups'], 'groups', (value, name) => requireInteger(WHERE, name, value, { min: 0 })),
    timeDensity: parseTimeDensity(object('time_density', json['time_density'] ?? {}), { where: WHERE, file }),
    structureWeight: amount(json, 'structure_weight', 1),
    latentWeight: amount(json, 'latent_weight', 0.001),
    latentNoise: amount(json, 'latent_noise', 0.05),
  };
}

/** Reads a training config; relative paths in it start at its folder. */
export async function readTrainingConfig(file: string): Promise<TrainingConfig> {
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (cause) {
    throw new LatteFlowError('file-not-found', {
      where: WHERE,
      expected: 'a training config',
      got: `no readable file at ${file}`,
      remedy: 'Give the path of a JSON file.',
      cause,
    });
  }
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (cause) {
    refuse('JSON', cause instanceof Error ? cause.message : 'something else', file);
  }
  return parseTrainingConfig(json, resolve(file));
}
