import { SCENE_SIZE } from '../corpus/index.ts';
import type { TrainingConfig } from './training-config.ts';

/** Tokens to be learned in a sample, about; pictures count every pixel. */
const CAPTION_TERMS = 64;
/** Leaves the gradients of a sample room to be larger than its neighbours'. */
const HEADROOM = 8;

/**
 * What the loss is multiplied with before it is differentiated. A loss is a mean over a batch's pixels or tokens, and the
 * gradient of each is that much smaller: over 256 pictures about 1e-7, where half precision ends (6e-8 … 65504), and 45 to
 * 90 % of the numbers that the backward pass multiplies would be zero. Scaled, the largest are about 1 to 10. A power of
 * two, so that nothing else changes.
 */
export function lossScale({ task, dtype, batchSize }: TrainingConfig): number {
  if (dtype === 'float32') return 1;
  const terms = batchSize * (task === 'captioning' ? CAPTION_TERMS : 3 * SCENE_SIZE ** 2);
  return Math.max(1, 2 ** Math.floor(Math.log2(terms / HEADROOM)));
}
