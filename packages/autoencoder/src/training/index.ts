export { initialiseDcParameters, isTrainableDcParameter } from './initialise.ts';
export { LatentMoments } from './latent-statistics.ts';
export { reconstructionLoss } from './reconstruction-loss.ts';
export type { ReconstructionBatch, ReconstructionLossOptions } from './reconstruction-loss.ts';
