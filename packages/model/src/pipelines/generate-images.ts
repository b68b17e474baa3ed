import {
  describeValue,
  LatteFlowError,
  normalNoise,
  refuseArgument,
  requireFinite,
  requireInteger,
  throwIfAborted,
  type OnProgress,
} from '@latte-flow/core';
import { planSampling, type SamplingPlan } from '@latte-flow/expert-router';
import { TensorOwner } from '@latte-flow/runtime';
import {
  classifierFreeGuidance,
  solverByName,
  timesOfSigmas,
  uniformSigmas,
  type Branch,
} from '@latte-flow/schedulers';
import { guideTensors, integrateTensors } from '@latte-flow/schedulers/tfjs';
import { concat, split, tensor, tidy, type Tensor } from '@tensorflow/tfjs-core';

import type { PromptContext } from '../generation-stream/context.ts';
import { predictVelocity } from '../generation-stream/velocity.ts';
import { GeneratedImage } from '../image/generated-image.ts';
import { imagesToRgb } from '../image/pixels.ts';
import type { LatteFlow } from '../latte-flow.ts';
import { concatContexts, disposeContext, repeatContext } from './contexts.ts';

export interface GenerateOptions {
  /** Denoising steps, >= 1. Default 20. */
  readonly steps?: number;
  /** Classifier-free guidance, 1 = none. Default 3. */
  readonly guidanceScale?: number;
  /** A name that `solverByName` knows. Default `euler`. */
  readonly solver?: string;
  /** Integer in [0, 2^53); image i reads stream i. Default 0. */
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

function encodeBranch(model: LatteFlow, prompts: readonly string[], branch: Branch): PromptContext {
  if (branch === 'conditional') return model.encodePrompts(prompts);
  const single = model.encodeRendered([model.config.nullPrompt]);
  try {
    return repeatContext(single, prompts.length);
  } finally {
    disposeContext(single);
  }
}

/** Contexts of the branches that guidance needs, stacked along the batch in their order. */
function encodeBranches(model: LatteFlow, prompts: readonly string[], branches: readonly Branch[]): PromptContext {
  const contexts: PromptContext[] = [];
  try {
    for (const branch of branches) contexts.push(encodeBranch(model, prompts, branch));
    return concatContexts(contexts);
  } finally {
    contexts.forEach(disposeContext);
  }
}

/**
 * Text to images. The prompts are encoded once; every step runs the layers of its group alone, all images and both
 * guidance branches as one batch.
 *
 * @param prompt one prompt for `count` images, or a list of prompts, one image each
 * @throws LatteFlowError `invalid-argument` (empty prompt, steps < 1, unknown solver, guidance that is not finite),
 * `context-overflow` (prompt longer than the context), `unsupported` (latents that are not pixels); the signal's reason
 * on abort. Nothing is left on the device.
 */
export async function generateImages(
  model: LatteFlow,
  prompt: string | readonly string[],
  options: GenerateOptions = {},
): Promise<GenerateResult> {
  const { signal, onProgress } = options;
  const { steps, guidanceScale, solver: solverName, seed, count } = { ...DEFAULTS, ...definedOnly(options) };
  requireInteger(WHERE, 'steps', steps, { min: 1 });
  requireInteger(WHERE, 'count', count, { min: 1 });
  requireInteger(WHERE, 'seed', seed, { min: 0 });
  requireFinite(WHERE, 'guidanceScale', guidanceScale);
  const solver = solverByName(solverName);
  const prompts = requirePrompts(prompt, count);
  requirePixels(model);
  throwIfAborted(signal);

  const times = timesOfSigmas(uniformSigmas(steps));
  const plan = planSampling(model.groups, { times });
  const guidance = classifierFreeGuidance(guidanceScale);
  const { branches } = guidance;
  using owner = new TensorOwner();
  onProgress?.({ stage: 'encode', loaded: 0, total: prompts.length });
  const context = encodeBranches(model, prompts, branches);
  try {
    const sample = owner.own(initialNoise(model, seed, prompts.length));
    const velocity = (x: Tensor, time: number, { step }: { readonly step: number }) =>
      tidy(() => {
        const latents =
          branches.length === 1
            ? x
            : concat(
                branches.map(() => x),
                0,
              );
        const at = new Float64Array(latents.shape[0]!).fill(time);
        const { group } = plan.steps[step]!;
        const stacked = predictVelocity({ latents, times: at, context, group }, model.parameters, model.config);
        const parts = branches.length === 1 ? [stacked] : split(stacked, branches.length, 0);
        return guideTensors(guidance, Object.fromEntries(branches.map((branch, i) => [branch, parts[i]!])));
      });
    const solution = await integrateTensors(solver, { times, sample, velocity, signal, onProgress });
    const bytes = await imagesToRgb(owner.own(solution.sample));
    throwIfAborted(signal);
    const size = { width: model.config.latentSize, height: model.config.latentSize };
    return {
      images: bytes.map((data, index) => {
        const settings = { prompt: prompts[index]!, seed, index, steps, guidanceScale, solver: solverName };
        return new GeneratedImage(data, size, settings);
      }),
      plan,
      warnings: plan.warnings.map(({ message }) => message),
      evaluations: solution.evaluations * branches.length,
    };
  } finally {
    disposeContext(context);
  }
}

function requirePixels({ config }: LatteFlow): void {
  if (config.latentChannels === 3) return;
  throw new LatteFlowError('unsupported', {
    where: WHERE,
    expected: 'a stream that draws pixels (3 latent channels)',
    got: `${config.latentChannels} latent channels`,
    remedy: 'Use a checkpoint that draws pixels; autoencoder latents are not decoded yet.',
  });
}

function definedOnly<T extends object>(options: T): Partial<T> {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as Partial<T>;
}
