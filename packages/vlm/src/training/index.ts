export { captionBatch, encodeAnswer, encodeCaption } from './caption-batch.ts';
export type { CaptionBatch, CaptionSample, EncodedSample } from './caption-batch.ts';
export { captioningLoss, disposeCaptionTensors, uploadCaptionBatch } from './captioning-loss.ts';
export type { CaptionTensors } from './captioning-loss.ts';
