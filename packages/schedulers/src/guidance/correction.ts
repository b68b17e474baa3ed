import type { GuidanceArithmetic } from './arithmetic.ts';
import type { Guidance, GuidancePoint } from './guidance.ts';

/**
 * A rule whose result is measured against the conditional velocity and corrected. Steps at which that velocity is all
 * there is, or nothing, are left alone.
 */
export function correctedGuidance(
  guidance: Guidance,
  name: string,
  correct: <T>(guided: T, conditional: T, arithmetic: GuidanceArithmetic<T>) => T,
): Guidance {
  const isPlain = (at: GuidancePoint) => guidance.branchesAt(at).every((branch) => branch === 'conditional');
  return {
    ...guidance,
    name,
    branches: [...new Set([...guidance.branches, 'conditional' as const])],
    branchesAt: (at) =>
      isPlain(at) ? guidance.branchesAt(at) : [...new Set([...guidance.branchesAt(at), 'conditional' as const])],
    combine(velocities, context) {
      const guided = guidance.combine(velocities, context);
      if (isPlain(context.at)) return guided;
      return { ...guided, velocity: correct(guided.velocity, velocities.conditional, context.arithmetic) };
    },
  };
}
