import type { Instruction, Step } from './solver.ts';

/** x' = sample x + velocity v(x) + noise n. Without `noise` none is drawn. */
export interface SingleEvaluation {
  readonly sample: number;
  readonly velocity: number;
  readonly noise?: number;
}

/** The plan of a step that evaluates once, at its start. */
export function singleEvaluation(step: Step, { noise, ...kept }: SingleEvaluation): readonly Instruction[] {
  const evaluate = { kind: 'evaluate', node: step.start, sample: { sample: 1 }, into: 'velocity' } as const;
  if (noise === undefined) return [evaluate, { kind: 'store', slots: { sample: { ...kept } } }];
  return [evaluate, { kind: 'draw', into: 'noise' }, { kind: 'store', slots: { sample: { ...kept, noise } } }];
}
