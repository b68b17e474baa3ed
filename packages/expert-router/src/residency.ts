import type { LayerRange } from './expert-groups.ts';
import type { SamplingPlan } from './sampling-plan.ts';

/** A stretch of a plan during which only the layers of one group have to be on the device. */
export interface Residency {
  readonly group: number;
  readonly layers: LayerRange;
  /** The steps `first` to `end - 1` of the plan. */
  readonly steps: readonly [first: number, end: number];
}

/**
 * Which layers' weights are needed when: the groups of a plan in the order of their use, each once, since times ascend. The
 * first must be there before the first step; a group may leave when the next begins.
 */
export function residencyOf({ steps }: SamplingPlan): readonly Residency[] {
  const starts = steps.filter(({ group }, i) => group !== steps[i - 1]?.group);
  return Object.freeze(
    starts.map(({ group, layers, index }, i) =>
      Object.freeze({ group, layers, steps: Object.freeze([index, starts[i + 1]?.index ?? steps.length] as const) }),
    ),
  );
}
