import { LatteFlowError } from '@latte-flow/core';

import { Draws } from './draws.ts';
import { targets } from './targets.ts';

export interface CaseResult {
  readonly target: string;
  readonly refused: boolean;
  readonly milliseconds: number;
}

/** What a case may take; damaged files of a few kB take well under a millisecond. */
const LIMIT_MS = 5000;

/**
 * Runs case `index` of a seed: a damaged file loads, or is refused with this project's error.
 * @throws Error naming the case for anything else
 */
export async function runCase(seed: number, index: number): Promise<CaseResult> {
  const draws = new Draws(seed, index);
  const target = targets[index % targets.length]!;
  const named = `Case ${index} of seed ${seed} (${target.name})`;
  const start = performance.now();
  let refused = false;
  try {
    await target.run(draws);
  } catch (error) {
    if (!LatteFlowError.isInstance(error)) throw new Error(`${named} crashed.`, { cause: error });
    refused = true;
  }
  const milliseconds = performance.now() - start;
  if (milliseconds > LIMIT_MS) throw new Error(`${named} took ${milliseconds} ms.`);
  return { target: target.name, refused, milliseconds };
}
