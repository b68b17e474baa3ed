export { attention, attentionVisibility } from './attention/index.ts';
export type {
  AttentionInputs,
  AttentionResult,
  ResidualForm,
  ResidualMap,
  Visibility,
  VisibilityOptions,
} from './attention/index.ts';
export { gelu, geluTanh, quickGelu, silu } from './activation/index.ts';
export { softmaxCrossEntropy } from './cross-entropy/index.ts';
export { embed } from './embedding/index.ts';
export { kernelFeatures, withKernels } from './kernel/selection.ts';
export type { KernelChoice, KernelFeature, KernelFeatures, KernelSelection } from './kernel/selection.ts';
export { layerNorm } from './layer-norm/index.ts';
export { linear } from './linear/index.ts';
export { meanSquaredError } from './mean-squared-error/index.ts';
export { gatedAdd, modulate } from './modulation/index.ts';
export { rmsNorm } from './rms-norm/index.ts';
export { applyRope, composeRope, ropeTables } from './rope/index.ts';
export type { RopeOptions, RopePositions, RopeTables } from './rope/index.ts';
export { swiglu } from './swiglu/index.ts';
