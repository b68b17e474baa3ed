export type { ConditionalMatcher, ConditionalPair, MatcherOptions } from './conditional-matcher.ts';
export type { CostMatrix, Pairs, Sizes, TransportPlan } from './transport-plan.ts';
export type { SinkhornOptions, SinkhornPlan } from './sinkhorn.ts';
export {
  cosineMatcher,
  linearMatcher,
  matchPair,
  schroedingerBridgeMatcher,
  targetMatcher,
} from './conditional-matcher.ts';
export { assignPairs, exactPlan } from './assignment.ts';
export { drawPairs, independentPlan, squaredDistances, transportCost } from './transport-plan.ts';
export { schroedingerBridgePlan, sinkhornPlan } from './sinkhorn.ts';
