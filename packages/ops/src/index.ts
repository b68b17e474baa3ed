export { adamW, movingAverage } from './adamw/index.ts';
export type { AdamWState, AdamWUpdate } from './adamw/index.ts';
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
export { averageChannels, repeatChannels } from './channel-groups/index.ts';
export { convolution, depthwiseConvolution, groupedPointwise } from './convolution/index.ts';
export type { ConvolutionOptions } from './convolution/index.ts';
export { softmaxCrossEntropy } from './cross-entropy/index.ts';
export { embed } from './embedding/index.ts';
export { gradientScale } from './gradient-norm/index.ts';
export type { ClipOptions, GradientScale } from './gradient-norm/index.ts';
export { withPrecision } from './kernel/precision.ts';
export type { Precision } from './kernel/precision.ts';
export { kernelFeatures, withKernels } from './kernel/selection.ts';
export type { KernelChoice, KernelFeature, KernelFeatures, KernelSelection } from './kernel/selection.ts';
export { joinHeads, splitHeads } from './heads/index.ts';
export { storeTokens } from './key-value-cache/index.ts';
export type { KeysAndValues } from './key-value-cache/index.ts';
export { layerNorm } from './layer-norm/index.ts';
export { linear, projections } from './linear/index.ts';
export type { LinearOptions, Projection } from './linear/index.ts';
export { meanSquaredError } from './mean-squared-error/index.ts';
export { gatedAdd, modulate } from './modulation/index.ts';
export { gatedRmsNormAdd, modulatedRmsNorm } from './modulated-norm/index.ts';
export { joinVector, splitVector } from './parameter-vector/index.ts';
export { tuneProducts } from './product/tuning.ts';
export type { TunedProduct, TuneOptions } from './product/tuning.ts';
export { clearTuning, exportTuning, importTuning } from './product/tuning-table.ts';
export type { TunableProduct, Tuning, TuningEntry } from './product/tuning-table.ts';
export { watchProducts } from './product/watch.ts';
export type { ProductWatch } from './product/watch.ts';
export { rmsNorm } from './rms-norm/index.ts';
export { applyRope, composeRope, ropeTables } from './rope/index.ts';
export type { RopeOptions, RopePositions, RopeTables } from './rope/index.ts';
export { swiglu } from './swiglu/index.ts';
