import { NoisePurpose, uniformNoise } from '@latte-flow/core';
import { DEFAULT_PROMPT_TEMPLATE, renderPrompt, toRgbBytes } from '@latte-flow/model';
import type { ConversationTools } from '@latte-flow/vlm';
import { captionBatch, encodeCaption, type CaptionBatch, type EncodedSample } from '@latte-flow/vlm/training';

import {
  corruptImage,
  drawCaption,
  drawExchange,
  drawScene,
  SCENE_SIZE,
  type Draw,
  type SceneSource,
} from '../corpus/index.ts';
import type { TrainingConfig } from './training-config.ts';

/** Standard deviation of the strongest noise on a corrupted picture, for pixels in [-1, 1]. */
const MAX_NOISE = 0.35;

/** A picture with a question about it and the answer; some pictures are blurred and noisy. */
function pictureSample(source: SceneSource, draw: Draw, tools: ConversationTools, corruption: number): EncodedSample {
  const { scene, image } = drawScene(source, draw);
  const [chance, noise, blur] = uniformNoise(3, { seed: draw.seed, image: draw.index, purpose: NoisePurpose.dropout });
  const seen =
    chance! < corruption
      ? corruptImage(image, { ...draw, noise: noise! * MAX_NOISE, blurRadius: blur! < 0.5 ? 1 : 0 })
      : image;
  const size = { width: SCENE_SIZE, height: SCENE_SIZE };
  const { question, answer } = drawExchange(source, scene, draw);
  return encodeCaption({ image: { data: toRgbBytes(seen, size), ...size }, question, caption: answer }, tools);
}

/**
 * A prompt to be repeated, in the template that generation streams use unless their config names another: teaches the
 * backbone to read prompts without a picture.
 */
function textSample(source: SceneSource, draw: Draw, { tokenizer, config }: ConversationTools): EncodedSample {
  const caption = drawCaption(drawScene(source, draw).scene, draw);
  const prompt = tokenizer.encode(renderPrompt({ promptTemplate: DEFAULT_PROMPT_TEMPLATE }, caption));
  const ids = [...prompt, ...tokenizer.encode(caption), config.eosTokenId];
  return { ids, promptLength: prompt.length, patches: new Float32Array(0), grids: [] };
}

/** Batch `index` of a captioning run, on the host: a pure function of its arguments. */
export function captioningHostBatch(
  index: number,
  { config, source, tools }: { config: TrainingConfig; source: SceneSource; tools: ConversationTools },
): CaptionBatch {
  const { seed, batchSize, textEvery, corruption } = config;
  const isText = textEvery > 0 && index % textEvery === textEvery - 1;
  const samples = Array.from({ length: batchSize }, (_, i) => {
    const draw = { seed, index: index * batchSize + i };
    return isText ? textSample(source, draw, tools) : pictureSample(source, draw, tools, corruption);
  });
  return captionBatch(samples, { padTokenId: tools.config.eosTokenId });
}
