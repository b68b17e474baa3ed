import { requireFinite, requireInteger } from '@latte-flow/core';

/** Learning rate of a step (0 is the first): a pure function, so that a resumed run goes on as if never stopped. */
export type LearningRateSchedule = (step: number) => number;

export interface WarmUp {
  /** The rate after warm-up. */
  readonly learningRate: number;
  /** Steps over which the rate rises linearly; step i of them has (i + 1) / warmupSteps of it. Default 0. */
  readonly warmupSteps?: number;
}

export interface CosineDecay extends WarmUp {
  /** The step at which the cosine has come down; later steps keep the final rate. */
  readonly steps: number;
  /** Default 0. */
  readonly finalLearningRate?: number;
}

function requireWarmUp(where: string, { learningRate, warmupSteps = 0 }: WarmUp): number {
  requireFinite(where, 'learningRate', learningRate, { min: 0 });
  return requireInteger(where, 'warmupSteps', warmupSteps, { min: 0 });
}

/** Linear warm-up, then constant. */
export function constantSchedule(options: WarmUp): LearningRateSchedule {
  const warmupSteps = requireWarmUp('constantSchedule', options);
  return (step) => options.learningRate * (step < warmupSteps ? (step + 1) / warmupSteps : 1);
}

/** Linear warm-up, then half a cosine down to `finalLearningRate` at `steps`. */
export function cosineSchedule(options: CosineDecay): LearningRateSchedule {
  const warmupSteps = requireWarmUp('cosineSchedule', options);
  const { learningRate, finalLearningRate = 0, steps } = options;
  requireInteger('cosineSchedule', 'steps', steps, { min: warmupSteps + 1 });
  requireFinite('cosineSchedule', 'finalLearningRate', finalLearningRate, { min: 0 });
  return (step) => {
    if (step < warmupSteps) return (learningRate * (step + 1)) / warmupSteps;
    const progress = Math.min(1, (step - warmupSteps) / (steps - warmupSteps));
    return finalLearningRate + (learningRate - finalLearningRate) * 0.5 * (1 + Math.cos(Math.PI * progress));
  };
}
