export { flowMatchingLoss } from './flow-matching-loss.ts';
export type { FlowBatch } from './flow-matching-loss.ts';
export { disposePreparedFlowBatch, preparedFlowLoss, prepareFlowBatch } from './prepared-flow-batch.ts';
export type { FlowBatchParts, FlowModel, PreparedFlowBatch } from './prepared-flow-batch.ts';
export { initialiseGenerationStream } from './initialise.ts';
export type { InitialiseOptions } from './initialise.ts';
