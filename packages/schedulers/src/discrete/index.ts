export type { TokenPrediction, Tokens } from './discrete-mixture.ts';
export { generalizedKl, mixTokens, tokenEulerStep, tokenVelocity } from './discrete-mixture.ts';
