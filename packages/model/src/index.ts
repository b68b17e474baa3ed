export { DEFAULT_PROMPT_TEMPLATE, layersPerGroup, renderPrompt, tokenGrid } from './config/latte-flow-config.ts';
export type { LatteFlowConfig } from './config/latte-flow-config.ts';
export { parseLatteFlowConfig, serialiseLatteFlowConfig } from './config/parse-config.ts';
export type { PromptContext } from './generation-stream/context.ts';
export { generationStreamShapes, layerOfParameter } from './generation-stream/parameter-shapes.ts';
export { predictVelocity, traceVelocity } from './generation-stream/velocity.ts';
export type { VelocityInputs, VelocityTrace } from './generation-stream/velocity.ts';
