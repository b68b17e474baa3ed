import { requireFinite } from '@latte-flow/core';
import { captureStep, type CapturedStep, type TensorStep } from '@latte-flow/runtime';
import type { Branch } from '@latte-flow/schedulers/guidance';
import { concat, keep, split, tidy, type Tensor } from '@tensorflow/tfjs-core';

import type { PromptContext } from '../generation-stream/context.ts';
import { disposeLatentView, latentView, type LatentView } from '../generation-stream/latent-view.ts';
import { timeFeatures } from '../generation-stream/time-embedding.ts';
import { requireVelocityInputs, runGroup } from '../generation-stream/velocity.ts';
import type { LatteFlow } from '../latte-flow.ts';

/** One evaluation of a run. */
export interface Evaluation {
  readonly time: number;
  readonly group: number;
  /** The branches that guidance needs, at least one. */
  readonly branches: readonly Branch[];
  /** Whether the same group and branches are evaluated again, as far as the plan tells. */
  readonly isRepeated: boolean;
}

/** A set of branches as text. */
export const nameOfSet = (branches: readonly Branch[]): string => branches.join(' ');

/** The view after each context, kept beyond a surrounding `tidy`. */
function viewsOf(model: LatteFlow, contexts: ReadonlyMap<string, PromptContext>): Map<string, LatentView> {
  const views = new Map<string, LatentView>();
  tidy(() => {
    for (const [name, context] of contexts) views.set(name, latentView(model.config, context));
    for (const { rope, visibility } of views.values()) {
      for (const tensor of [...Object.values(rope), ...Object.values(visibility)]) keep(tensor);
    }
  });
  return views;
}

/**
 * Velocities of a run, group by group: what a group evaluates more than once is captured the first time, and replayed from
 * then on, until the run comes to another group.
 */
export class GroupSteps implements Disposable {
  readonly #model: LatteFlow;
  readonly #contexts: ReadonlyMap<string, PromptContext>;
  readonly #views: ReadonlyMap<string, LatentView>;
  readonly #captured = new Map<string, CapturedStep>();
  /** Sets of branches that the group evaluated. */
  readonly #seen = new Set<string>();
  #group: number | undefined;

  /** Borrows the model and the contexts, one for each set of branches, stacked along the batch in their order. */
  constructor(model: LatteFlow, contexts: ReadonlyMap<string, PromptContext>) {
    this.#model = model;
    this.#contexts = contexts;
    this.#views = viewsOf(model, contexts);
  }

  /** dx/dt at `x` `[B, C, S, S]` of every branch, in their order; the caller owns them. */
  velocities(x: Tensor, { time, group, branches, isRepeated }: Evaluation): Tensor[] {
    requireFinite('predictVelocity', 'time', time, { min: 0, max: 1 });
    if (group !== this.#group) this.#forget();
    this.#group = group;
    const name = nameOfSet(branches);
    const times = new Float64Array(branches.length * x.shape[0]!).fill(time);
    const { config, parameters } = this.#model;
    const context = this.#contexts.get(name)!;
    const view = this.#views.get(name)!;
    const run: TensorStep = (sample, features) => {
      const latents = branches.length === 1 ? sample! : concat(branches.map(() => sample!)); // [branches * B, C, S, S]
      requireVelocityInputs({ latents, times, context, group }, config);
      const { velocity } = runGroup({ latents, features: features!, context, view, group }, parameters, config);
      return branches.length === 1 ? [velocity] : split(velocity, branches.length);
    };
    return tidy(() => {
      const features = timeFeatures(times, config.timeFrequencyDim);
      let step = this.#captured.get(name);
      if (step === undefined && (isRepeated || this.#seen.has(name))) {
        step = captureStep(run, [x, features]);
        this.#captured.set(name, step);
      }
      this.#seen.add(name);
      return step === undefined ? run(x, features) : step.run(x, features);
    });
  }

  /** Frees what the last group's steps hold on the device. */
  #forget(): void {
    for (const step of this.#captured.values()) step.dispose();
    this.#captured.clear();
    this.#seen.clear();
  }

  [Symbol.dispose](): void {
    this.#forget();
    for (const view of this.#views.values()) disposeLatentView(view);
  }
}
