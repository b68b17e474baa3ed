import type { Combination, Instruction, Step } from './solver.ts';

/** x' = sample x + velocity v(x) + noise n. Without `noise` none is drawn. */
export interface SingleEvaluation {
  readonly sample: number;
  readonly velocity: number;
  readonly noise?: number;
}

/** The plan of a step that evaluates once, at its start. */
export function singleEvaluation(step: Step, { noise, ...kept }: SingleEvaluation): readonly Instruction[] {
  const draws = noise !== undefined;
  return evaluateOnce(step, { draws, slots: { sample: draws ? { ...kept, noise } : { ...kept } } });
}

/** The same for any slots: `velocity` and, where the step draws, `noise` are among those they combine. */
export function evaluateOnce(
  step: Step,
  { draws, slots }: { readonly draws: boolean; readonly slots: Readonly<Record<string, Combination>> },
): readonly Instruction[] {
  return [
    { kind: 'evaluate', node: step.start, sample: { sample: 1 }, into: 'velocity' },
    ...(draws ? [{ kind: 'draw', into: 'noise' } as const] : []),
    { kind: 'store', slots },
  ];
}
