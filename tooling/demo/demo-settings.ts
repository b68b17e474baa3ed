import { describeValue, refuseArgument, requireFinite, requireInteger } from '@latte-flow/core';

/** What the demo draws, as the checkpoint's `demo.json` says it. */
export interface DemoSettings {
  readonly prompts: readonly string[];
  readonly steps: number;
  readonly guidanceScale: number;
  readonly seed: number;
}

const WHERE = 'demo.json';

/** @throws LatteFlowError `invalid-argument` for a field that is missing or of another kind */
export function parseDemoSettings(json: unknown): DemoSettings {
  const { prompts, steps, guidance, seed } = (json ?? {}) as Readonly<Record<string, unknown>>;
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
    seed: requireInteger(WHERE, 'seed', seed, { min: 0 }),
  };
}
