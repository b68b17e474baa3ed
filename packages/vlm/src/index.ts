export { VisionLanguageModel } from './vision-language-model.ts';
export type { LoadedCheckpoint, LoadOptions } from './load-checkpoint.ts';

export {
  KNOWN_MODEL_TYPES,
  parseQwen2VLConfig,
  parseVisionLanguageConfig,
  qwen2VLConfigToJson,
} from './config/qwen2-vl-config.ts';
export type { Qwen2VLConfig, Qwen2VLVisionConfig } from './config/qwen2-vl-config.ts';
export type { JsonObject } from './config/json-fields.ts';
export type { DecoderConfig } from './language-model/decoder-config.ts';
export type { LayerCache } from './language-model/decoder.ts';

export {
  continueQwen2VL,
  disposeContextCache,
  embedInputs,
  encodeQwen2VL,
  forwardQwen2VL,
  projectToVocabulary,
} from './qwen2-vl/qwen2-vl.ts';
export type { ContextCache, ForwardOptions, ForwardOutput } from './qwen2-vl/qwen2-vl.ts';
export { disposeInputs, uploadInputs } from './qwen2-vl/input-tensors.ts';
export type { InputTensors } from './qwen2-vl/input-tensors.ts';
export { initialiseParameters } from './qwen2-vl/initialise-parameters.ts';
export { padIds } from './qwen2-vl/model-inputs.ts';
export type { ModelInputs } from './qwen2-vl/model-inputs.ts';
export { parameterShapes } from './qwen2-vl/parameter-shapes.ts';
export { ropeIndex } from './qwen2-vl/rope-index.ts';
export type { PaddedIds, RopeIndex } from './qwen2-vl/rope-index.ts';
export { canonicalWeights } from './qwen2-vl/weight-names.ts';
export { frameRuns } from './qwen2-vl/frame-runs.ts';
export type { FrameRun } from './qwen2-vl/frame-runs.ts';
export { runVisionTower } from './qwen2-vl/vision-tower.ts';
export type { VisionOutput } from './qwen2-vl/vision-tower.ts';

export { decodeImage } from './image/decode-image.ts';
export { imageProcessorConfigToJson, parseImageProcessorConfig } from './image/image-processor-config.ts';
export type { ImageProcessorConfig } from './image/image-processor-config.ts';
export { processImages, resizeForModel } from './image/image-processor.ts';
export type { ProcessedImages } from './image/image-processor.ts';
export { imageTokenCount, patchCount, patchifyImage } from './image/patchify.ts';
export type { PatchGrid } from './image/patchify.ts';
export { resizeImage } from './image/resize.ts';
export type { ResizeFilter } from './image/resize.ts';
export type { RgbImage } from './image/rgb-image.ts';
export { smartResize } from './image/smart-resize.ts';
export type { SmartResizeLimits } from './image/smart-resize.ts';

export { QWEN2_VL_CHAT_TEMPLATE, renderChat } from './text/chat.ts';
export type { ChatContent, ChatMessage } from './text/chat.ts';
export { conversationInputs } from './text/conversation.ts';
export type { Conversation, ConversationTools } from './text/conversation.ts';
export { expandImagePlaceholders } from './text/image-placeholders.ts';
export { createTokenizer } from './text/tokenizer.ts';
export type { TextTokenizer } from './text/tokenizer.ts';

export { decodeTokens } from './generation/decode-loop.ts';
export type { DecodeOptions } from './generation/decode-loop.ts';
export { argMax, nextTokenSampler } from './generation/sampling.ts';
export type { SamplingOptions } from './generation/sampling.ts';
export { textPieces } from './generation/text-pieces.ts';
export type { TokenDecoder } from './generation/text-pieces.ts';
