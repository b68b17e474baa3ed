export { guideTensors, guideTensorsWithState } from './guide-tensors.ts';
export type { GuideTensorsOptions } from './guide-tensors.ts';
export { integrateTensors } from './integrate-tensors.ts';
export { logLikelihoodTensors } from './log-likelihood-tensors.ts';
export type { LogLikelihoodTensors, LogLikelihoodTensorsOptions } from './log-likelihood-tensors.ts';
export { tensorArithmetic } from './tensor-arithmetic.ts';
