export { flowMatchingLoss } from './flow-matching-loss.ts';
export type { FlowBatch } from './flow-matching-loss.ts';
export { initialiseGenerationStream } from './initialise.ts';
export type { InitialiseOptions } from './initialise.ts';
