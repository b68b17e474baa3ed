export { VisionLanguageModel } from './vision-language-model.ts';
export type { LoadedCheckpoint, LoadOptions } from './load-checkpoint.ts';

export {
  adapterOf,
  canonicalWeights,
  KNOWN_MODEL_TYPES,
  parameterShapes,
  parseVisionLanguageConfig,
  visionLanguageConfigToJson,
} from './adapter/registry.ts';
export { initialiseParameters } from './adapter/initialise-parameters.ts';
export type { VisionInput, VisionLanguageConfig, VisionOutput, VlmAdapter } from './adapter/vlm-adapter.ts';
export { parseQwen2VLConfig } from './qwen2-vl/qwen2-vl-config.ts';
export type { Qwen2VLConfig, Qwen2VLVisionConfig } from './qwen2-vl/qwen2-vl-config.ts';
export { parseQwen25VLConfig } from './qwen25-vl/qwen25-vl-config.ts';
export type { Qwen25VLConfig, Qwen25VLVisionConfig } from './qwen25-vl/qwen25-vl-config.ts';
export { MAX_LAYERS } from './config/json-fields.ts';
export type { JsonObject } from './config/json-fields.ts';
export type { DecoderConfig } from './language-model/decoder-config.ts';
export type { LayerCache } from './language-model/decoder.ts';
export { linearPositions } from './language-model/positions.ts';
export type { TokenPositions } from './language-model/positions.ts';

export {
  disposeContextCache,
  embedInputs,
  encodePrompt,
  encodeTexts,
  forwardPrompt,
  projectToVocabulary,
} from './forward/forward.ts';
export type { ContextCache, ForwardOptions, ForwardOutput } from './forward/forward.ts';
export { continuePrompt, extendPrompt } from './forward/continue.ts';
export type { Continuation } from './forward/continue.ts';
export { disposeInputs, uploadInputs } from './forward/input-tensors.ts';
export type { InputTensors, TextTensors } from './forward/input-tensors.ts';
export { padIds } from './forward/model-inputs.ts';
export type { ModelInputs, PaddedIds } from './forward/model-inputs.ts';
export { ropeIndex } from './qwen2-vl/rope-index.ts';
export type { RopeIndex } from './qwen2-vl/rope-index.ts';

export { idefics3Adapter } from './idefics3/idefics3-adapter.ts';
export type { TileInput } from './idefics3/idefics3-adapter.ts';
export { parseIdefics3Config } from './idefics3/idefics3-config.ts';
export type { Idefics3Config, Idefics3VisionConfig } from './idefics3/idefics3-config.ts';
export { cutIntoTiles } from './idefics3/image-tiles.ts';
export type { TileGrid } from './idefics3/image-tiles.ts';
export { padTiles, withoutEmptyTiles } from './idefics3/tile-padding.ts';
export type { PaddedTiles } from './idefics3/tile-padding.ts';
export { patchifyTiles } from './idefics3/tile-patches.ts';
export { processTiledImages, tilePixels } from './idefics3/tile-pixels.ts';
export { parseTileProcessorConfig } from './idefics3/tile-processor-config.ts';
export type { TileProcessorConfig } from './idefics3/tile-processor-config.ts';
export { runTileTower } from './idefics3/vision-tower.ts';
export type { TileVisionOutput } from './idefics3/vision-tower.ts';

export { decodeImage } from './image/decode-image.ts';
export type { DecodeImageOptions } from './image/decode-image.ts';
export { imageProcessorConfigToJson, parseImageProcessorConfig } from './image/image-processor-config.ts';
export type { ImageProcessorConfig } from './image/image-processor-config.ts';
export { loadImage } from './image/load-image.ts';
export type { BitmapLike, CanvasLike, ImageSource } from './image/load-image.ts';
export { processImages, resizeForModel } from './image/image-processor.ts';
export type { ProcessedImages } from './image/image-processor.ts';
export { imageTokenCount, patchCount, patchifyImage } from './image/patchify.ts';
export type { PatchGrid, PixelNormalisation } from './image/patchify.ts';
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

export type { AnswerPiece, GenerateOptions } from './generation/answers.ts';
export { ChatSession } from './generation/chat-session.ts';
export type { AskOptions, ChatSessionOptions } from './generation/chat-session.ts';
export { decodeTokens } from './generation/decode-loop.ts';
export type { DecodeOptions, DecodeTask } from './generation/decode-loop.ts';
export { DecodingCache } from './generation/decoding-cache.ts';
export { argMax, nextTokenSampler } from './generation/sampling.ts';
export type { SamplingOptions, TokenPlace } from './generation/sampling.ts';
export { textPieces } from './generation/text-pieces.ts';
export type { TokenDecoder } from './generation/text-pieces.ts';
