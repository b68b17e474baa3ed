import type { GuidanceArithmetic } from './arithmetic.ts';
import type { Branch, Guidance, GuidancePoint } from './guidance.ts';

export const isPlain = (branches: readonly Branch[]): boolean => branches.every((branch) => branch === 'conditional');

/** How a rule changes the result of another. */
export interface Correction {
  readonly name: string;
  /** The branches that it reads. */
  readonly branches: readonly Branch[];
  /** Whether it does so at a step that needs `branches` for the other rule. */
  isOn(branches: readonly Branch[], at: GuidancePoint): boolean;
  correct<T>(
    guided: T,
    velocities: Readonly<Record<Branch, T>>,
    context: { readonly arithmetic: GuidanceArithmetic<T>; readonly branches: readonly Branch[] },
  ): T;
}

/** A rule whose result another one corrects. */
export function correctedGuidance(guidance: Guidance, correction: Correction): Guidance {
  const both = (branches: readonly Branch[]) => [...new Set([...branches, ...correction.branches])];
  return {
    ...guidance,
    name: `${guidance.name} ${correction.name}`,
    branches: both(guidance.branches),
    branchesAt(at) {
      const branches = guidance.branchesAt(at);
      return correction.isOn(branches, at) ? both(branches) : branches;
    },
    combine(velocities, context) {
      const { at, arithmetic } = context;
      const guided = guidance.combine(velocities, context);
      const branches = guidance.branchesAt(at);
      if (!correction.isOn(branches, at)) return guided;
      return { ...guided, velocity: correction.correct(guided.velocity, velocities, { arithmetic, branches }) };
    },
  };
}

/**
 * A correction that measures the result against the conditional velocity. Steps at which that velocity is all there is,
 * or nothing, are left alone.
 */
export function measuredGuidance(
  guidance: Guidance,
  name: string,
  correct: <T>(guided: T, conditional: T, arithmetic: GuidanceArithmetic<T>) => T,
): Guidance {
  return correctedGuidance(guidance, {
    name,
    branches: ['conditional'],
    isOn: (branches) => !isPlain(branches),
    correct: (guided, { conditional }, { arithmetic }) => correct(guided, conditional, arithmetic),
  });
}
