import { SCENE_SIZE } from '../corpus/index.ts';
import type { TrainingConfig } from './training-config.ts';

/** Tokens to be learned in a sample, about; pictures count every pixel. */
const CAPTION_TERMS = 64;
/** Leaves the gradients of a sample room to be larger than its neighbours'. */
const HEADROOM = 8;

/**
 * What a loss that is a mean over so many terms is multiplied with before it is differentiated in half precision. The gradient of
 * each term is that much smaller: over 256 pictures about 1e-7, where half precision ends (6e-8 … 65504), and 45 to 90 %
 * of the numbers that the backward pass multiplies would be zero. Scaled, the largest are about 1 to 10. A power of two, so that
 * nothing else changes.
 */
export function halfPrecisionScale(terms: number): number {
  return Math.max(1, 2 ** Math.floor(Math.log2(terms / HEADROOM)));
}

/** The scale of a run's loss: of the pixels or tokens of a batch. */
export function lossScale({ task, dtype, batchSize }: TrainingConfig): number {
  if (dtype === 'float32') return 1;
  return halfPrecisionScale(batchSize * (task === 'captioning' ? CAPTION_TERMS : 3 * SCENE_SIZE ** 2));
}
