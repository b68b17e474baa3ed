export type {
  Divergence,
  DivergenceField,
  FieldPoint,
  HutchinsonOptions,
  VectorJacobianProduct,
} from './divergence.ts';
export type { LogLikelihood, LogLikelihoodOptions } from './log-likelihood.ts';
export type { Transition } from './transition-log-probability.ts';
export { exactDivergence, hutchinsonDivergence } from './divergence.ts';
export { logLikelihood } from './log-likelihood.ts';
export { standardNormalLogDensity } from './standard-normal.ts';
export { transitionLogProbability } from './transition-log-probability.ts';
