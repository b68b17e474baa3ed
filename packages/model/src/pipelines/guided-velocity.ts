import type { SamplingPlan } from '@latte-flow/expert-router';
import type { Branch, Guidance } from '@latte-flow/schedulers/guidance';
import { guideTensorsWithState } from '@latte-flow/schedulers/tfjs';
import { type Tensor, tidy } from '@tensorflow/tfjs-core';

import type { PromptContext } from '../generation-stream/context.ts';
import type { LatteFlow } from '../latte-flow.ts';
import { concatContexts, disposeContext, repeatContext } from './contexts.ts';
import { GroupSteps, nameOfSet } from './group-steps.ts';

export interface GuidedVelocityOptions {
  readonly prompts: readonly string[];
  readonly guidance: Guidance;
  readonly plan: SamplingPlan;
  /** Of every step of the plan, the branches that guidance needs there: all stages of a step have the same. */
  readonly branches: readonly (readonly Branch[])[];
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

/** For each set of branches that some step needs, their contexts stacked along the batch in their order. */
function encodeSets(model: LatteFlow, { prompts, branches }: GuidedVelocityOptions): Map<string, PromptContext> {
  const sets = new Map(branches.filter(({ length }) => length > 0).map((set) => [nameOfSet(set), set]));
  const single = new Map<string, PromptContext>();
  const stacked = new Map<string, PromptContext>();
  try {
    for (const branch of new Set([...sets.values()].flat())) single.set(branch, encodeBranch(model, prompts, branch));
    for (const [name, set] of sets) {
      if (set.length > 1) stacked.set(name, concatContexts(set.map((branch) => single.get(branch)!)));
    }
    for (const name of sets.keys()) {
      const context = single.get(name);
      if (context !== undefined && single.delete(name)) stacked.set(name, context);
    }
    return stacked;
  } catch (error) {
    for (const context of stacked.values()) disposeContext(context);
    throw error;
  } finally {
    for (const context of single.values()) disposeContext(context);
  }
}

/**
 * The guided velocity of a run, as `integrateTensors` takes it. Holds the encoded prompts and the state of a rule with
 * memory until it is disposed.
 */
export class GuidedVelocity implements Disposable {
  readonly #options: GuidedVelocityOptions;
  readonly #contexts: ReadonlyMap<string, PromptContext>;
  readonly #steps: GroupSteps;
  #state: Tensor | undefined;
  #evaluations = 0;

  /** @throws LatteFlowError `context-overflow` for a prompt that does not fit. */
  constructor(model: LatteFlow, options: GuidedVelocityOptions) {
    this.#options = options;
    this.#contexts = encodeSets(model, options);
    try {
      this.#steps = new GroupSteps(model, this.#contexts);
    } catch (error) {
      for (const context of this.#contexts.values()) disposeContext(context);
      throw error;
    }
  }

  /** Velocities taken, branches counted apart. */
  get evaluations(): number {
    return this.#evaluations;
  }

  /** dx/dt at `x` `[B, C, S, S]`, which is borrowed; the caller owns the result. */
  readonly at = (x: Tensor, time: number, { step }: { readonly step: number }): Tensor => {
    const { guidance, plan, branches } = this.#options;
    const needed = branches[step]!;
    const [velocity, state] = tidy(() => {
      const velocities = needed.length === 0 ? {} : this.#velocities(x, { time, step, needed });
      const at = { step, steps: branches.length, sigma: 1 - plan.steps[step]!.start };
      const guided = guideTensorsWithState(guidance, velocities, { ...at, sample: x, state: this.#state });
      return guided.state === undefined ? [guided.velocity] : [guided.velocity, guided.state];
    });
    this.#state?.dispose();
    this.#state = state;
    this.#evaluations += needed.length;
    return velocity!;
  };

  /** All branches in one pass. */
  #velocities(
    x: Tensor,
    { time, step, needed }: { readonly time: number; readonly step: number; readonly needed: readonly Branch[] },
  ): Partial<Record<Branch, Tensor>> {
    const { plan, branches } = this.#options;
    const { group } = plan.steps[step]!;
    const name = nameOfSet(needed);
    const same = plan.steps.filter((other, i) => other.group === group && nameOfSet(branches[i]!) === name);
    const parts = this.#steps.velocities(x, { time, group, branches: needed, isRepeated: same.length > 1 });
    return Object.fromEntries(needed.map((branch, i) => [branch, parts[i]!]));
  }

  [Symbol.dispose](): void {
    this.#steps[Symbol.dispose]();
    for (const context of this.#contexts.values()) disposeContext(context);
    this.#state?.dispose();
    this.#state = undefined;
  }
}
