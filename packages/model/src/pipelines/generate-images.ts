import type { Autoencoder } from '@latte-flow/autoencoder';
import {
  describeValue,
  LatteFlowError,
  normalNoise,
  refuseArgument,
  requireFinite,
  requireInteger,
  seededStepNoise,
  throwIfAborted,
  type OnProgress,
} from '@latte-flow/core';
import { planSampling, type SamplingPlan } from '@latte-flow/expert-router';
import { TensorOwner } from '@latte-flow/runtime';
import { solverByName, timesOfSigmas, uniformSigmas, type NoiseSource } from '@latte-flow/schedulers';
import { branchesAt, classifierFreeGuidance, type Guidance } from '@latte-flow/schedulers/guidance';
import { integrateTensors } from '@latte-flow/schedulers/tfjs';
import { tensor, type Tensor } from '@tensorflow/tfjs-core';

import { GeneratedImage } from '../image/generated-image.ts';
import { imagesToRgb } from '../image/pixels.ts';
import { AUTOENCODER_FOLDER, type LatteFlow } from '../latte-flow.ts';
import { GuidedVelocity } from './guided-velocity.ts';

export interface GenerateOptions {
  /** Denoising steps, >= 1. Default 20. */
  readonly steps?: number;
  /** Classifier-free guidance, 1 = none. Default 3. */
  readonly guidanceScale?: number;
  /** Any rule of the conditional and the null branch, instead of `guidanceScale`. No branch is computed in vain. */
  readonly guidance?: Guidance;
  /**
   * A name that `solverByName` knows. Default `euler`. All stages of a step run in the group of its start; a multistep solver
   * keeps its history where the group changes; an adaptive one starts afresh at every node and keeps its error, counted over
   * the batch, within 0.001, an eighth of a pixel's level.
   */
  readonly solver?: string;
  /** Integer in [0, 2^53); image i reads stream i, its first noise and that of a stochastic solver. Default 0. */
  readonly seed?: number;
  /** Images of a single prompt. Default 1. */
  readonly count?: number;
  readonly signal?: AbortSignal;
  readonly onProgress?: OnProgress;
}

export interface GenerateResult {
  readonly images: readonly GeneratedImage[];
  /** Which group ran at which step. */
  readonly plan: SamplingPlan;
  /** What is worth knowing, for people: e.g. groups that no step ran in. */
  readonly warnings: readonly string[];
  /** Velocities taken, guidance branches counted apart. */
  readonly evaluations: number;
}

const WHERE = 'generateImages';
/** The group of a step's start runs all of it, so that the velocity may jump at every node. */
const ADAPTIVE = { restartAtNodes: true, rtol: 1e-3, atol: 1e-3 };
const DEFAULTS = { steps: 20, guidanceScale: 3, solver: 'euler', seed: 0, count: 1 };

function requirePrompts(prompt: string | readonly string[], count: number): readonly string[] {
  const isList = typeof prompt === 'object' && prompt !== null;
  const prompts = isList ? prompt : new Array<string>(count).fill(prompt);
  if (isList && count !== DEFAULTS.count && count !== prompts.length) {
    refuseArgument({
      where: WHERE,
      expected: `as many images as prompts, ${prompts.length}`,
      got: `count ${count}`,
      remedy: 'Leave count out: a list of prompts gives one image each.',
      data: { count },
    });
  }
  for (const text of prompts.length === 0 ? [''] : prompts) {
    if (typeof text === 'string' && text.trim() !== '') continue;
    refuseArgument({
      where: WHERE,
      expected: 'a prompt with text in it',
      got: describeValue(text),
      remedy: 'Describe the picture, e.g. "a red apple".',
    });
  }
  return prompts;
}

function initialNoise({ config }: LatteFlow, seed: number, count: number): Tensor {
  const shape = [config.latentChannels, config.latentSize, config.latentSize];
  const size = config.latentChannels * config.latentSize ** 2;
  const values = new Float32Array(count * size);
  for (let image = 0; image < count; image++) values.set(normalNoise(size, { seed, image }), image * size);
  return tensor(values, [count, ...shape]);
}

/** What a stochastic solver draws: image i of the batch reads stream i. */
function stepNoise(seed: number, count: number): NoiseSource {
  const streams = Array.from({ length: count }, (_, image) => seededStepNoise({ seed, image }));
  return (step, length) => {
    const values = new Float32Array(length);
    const size = length / count;
    streams.forEach((stream, image) => values.set(stream(step, size), image * size));
    return values;
  };
}

function requireGuidance({ guidance, guidanceScale }: GenerateOptions): Guidance {
  if (guidance === undefined) {
    return classifierFreeGuidance(requireFinite(WHERE, 'guidanceScale', guidanceScale ?? DEFAULTS.guidanceScale));
  }
  const foreign = guidance.branches.find((branch) => branch !== 'conditional' && branch !== 'null');
  if (guidanceScale === undefined && foreign === undefined) return guidance;
  return refuseArgument({
    where: WHERE,
    expected: foreign === undefined ? 'guidance or guidanceScale' : 'guidance by the conditional and the null branch',
    got: foreign === undefined ? 'both' : `${guidance.name}, which needs the ${foreign} branch`,
    remedy: 'A rule has its own scale; perturbed and weaker models take integrateTensors and a velocity of your own.',
    data: { guidance: guidance.name, guidanceScale },
  });
}

/**
 * Text to images. The prompts are encoded once; every step runs the layers of its group alone, all images and the
 * guidance branches that it needs as one batch.
 *
 * @param prompt one prompt for `count` images, or a list of prompts, one image each
 * @throws LatteFlowError `invalid-argument` (empty prompt, steps < 1, unknown solver, guidance that is not finite or needs a
 * model that is not there),
 * `context-overflow` (prompt longer than the context), `unsupported` (latents without an autoencoder); the signal's reason
 * on abort. Nothing is left on the device.
 */
export async function generateImages(
  model: LatteFlow,
  prompt: string | readonly string[],
  options: GenerateOptions = {},
): Promise<GenerateResult> {
  const { signal, onProgress } = options;
  const { steps, solver: solverName, seed, count } = { ...DEFAULTS, ...definedOnly(options) };
  requireInteger(WHERE, 'steps', steps, { min: 1 });
  requireInteger(WHERE, 'count', count, { min: 1 });
  requireInteger(WHERE, 'seed', seed, { min: 0 });
  const guidance = requireGuidance(options);
  const solver = solverByName(solverName, ADAPTIVE);
  const prompts = requirePrompts(prompt, count);
  const autoencoder = requireAutoencoder(model);
  throwIfAborted(signal);

  const times = timesOfSigmas(uniformSigmas(steps));
  const plan = planSampling(model.groups, { times });
  const branches = plan.steps.map(({ start }, step) => branchesAt(guidance, { step, steps, sigma: 1 - start }));
  using owner = new TensorOwner();
  onProgress?.({ stage: 'encode', loaded: 0, total: prompts.length });
  using guided = new GuidedVelocity(model, { prompts, guidance, plan, branches });
  const sample = owner.own(initialNoise(model, seed, prompts.length));
  const noise = stepNoise(seed, prompts.length);
  const solution = await integrateTensors(solver, { times, sample, velocity: guided.at, noise, signal, onProgress });
  const decoding = { signal, ...(autoencoder.factor > 1 && { onProgress }) }; // pixels are pictures already
  const pictures = owner.own(await autoencoder.decode(owner.own(solution.sample), decoding));
  const bytes = await imagesToRgb(pictures);
  throwIfAborted(signal);
  const [height, width] = pictures.shape.slice(2) as [number, number];
  const size = { width, height };
  const scale =
    options.guidance === undefined
      ? { guidanceScale: options.guidanceScale ?? DEFAULTS.guidanceScale }
      : { guidance: guidance.name };
  return {
    images: bytes.map((data, index) => {
      const settings = { prompt: prompts[index]!, seed, index, steps, ...scale, solver: solverName };
      return new GeneratedImage(data, size, settings);
    }),
    plan,
    warnings: plan.warnings.map(({ message }) => message),
    evaluations: guided.evaluations,
  };
}

function requireAutoencoder({ autoencoder, config }: LatteFlow): Autoencoder {
  if (autoencoder !== undefined) return autoencoder;
  throw new LatteFlowError('unsupported', {
    where: WHERE,
    expected: 'a checkpoint that draws pixels (3 latent channels), or has an autoencoder',
    got: `${config.latentChannels} latent channels and no folder ${AUTOENCODER_FOLDER}/`,
    remedy: `Put the autoencoder that the stream was trained with into ${AUTOENCODER_FOLDER}/, in the layout of diffusers.`,
  });
}

function definedOnly<T extends object>(options: T): Partial<T> {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as Partial<T>;
}
