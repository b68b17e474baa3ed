import { attentionVisibility, type RopeTables, type Visibility } from '@latte-flow/ops';
import { dispose, type TensorContainer } from '@tensorflow/tfjs-core';

import { tokenGrid, type LatteFlowConfig } from '../config/latte-flow-config.ts';
import type { PromptContext } from './context.ts';
import { latentRope } from './positions.ts';

/** Where the latents of a batch sit and what they see: the same at every time. Owned by whoever made it. */
export interface LatentView {
  readonly rope: RopeTables;
  readonly visibility: Visibility;
}

/** The view after a context, which is borrowed. */
export function latentView(config: LatteFlowConfig, { mask, end }: PromptContext): LatentView {
  const [batch, contextTokens] = mask.shape as [number, number];
  const { tokens } = tokenGrid(config);
  return {
    rope: latentRope(config, end),
    visibility: attentionVisibility({ batch, tokens, contextTokens, contextMask: mask }),
  };
}

export function disposeLatentView(view: LatentView): void {
  dispose(view as unknown as TensorContainer);
}
