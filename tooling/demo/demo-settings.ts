import { describeValue, refuseArgument, requireFinite, requireInteger, requireOneOf } from '@latte-flow/core';
import { type SolverName, solverNames } from '@latte-flow/schedulers';

/** What the demo draws, as the checkpoint's `demo.json` says it. */
export interface DemoSettings {
  readonly prompts: readonly string[];
  readonly steps: number;
  readonly guidanceScale: number;
  readonly solver: SolverName;
  readonly seed: number;
}

const WHERE = 'demo.json';

/** @throws LatteFlowError `invalid-argument` for a field that is missing or of another kind */
export function parseDemoSettings(json: unknown): DemoSettings {
  const { prompts, steps, guidance, solver, seed } = (json ?? {}) as Readonly<Record<string, unknown>>;
  if (!Array.isArray(prompts) || prompts.length === 0 || !prompts.every((prompt) => typeof prompt === 'string')) {
    refuseArgument({
      where: WHERE,
      expected: 'prompts to be a list of texts',
      got: describeValue(prompts),
      remedy: 'Name at least one prompt.',
    });
  }
  return {
    prompts,
    steps: requireInteger(WHERE, 'steps', steps, { min: 1 }),
    guidanceScale: requireFinite(WHERE, 'guidance', guidance as number),
    solver: requireOneOf(WHERE, 'solver', solver, solverNames()),
    seed: requireInteger(WHERE, 'seed', seed, { min: 0 }),
  };
}
