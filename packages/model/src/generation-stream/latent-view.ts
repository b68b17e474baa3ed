import { attentionVisibility, type RopeTables, type Visibility } from '@latte-flow/ops';
import { dispose, type Tensor, type TensorContainer } from '@tensorflow/tfjs-core';

import { tokenGrid, type LatteFlowConfig } from '../config/latte-flow-config.ts';
import type { PromptContext } from './context.ts';
import { contextEndRope, latentRope } from './positions.ts';

/** Where the latents of a batch sit and what they see: the same at every time. Owned by whoever made it. */
export interface LatentView {
  readonly rope: RopeTables;
  readonly visibility: Visibility;
}

/** Contexts as the view after them needs them, on the device. */
export interface ContextPlaces {
  /** `[B, T]` bool or int32, true = visible. */
  readonly mask: Tensor;
  /** `contextEndRope` of where they end. */
  readonly start: RopeTables;
}

/** The view after contexts, by device work alone. Borrows the tensors. */
export function viewAfter(config: LatteFlowConfig, { mask, start }: ContextPlaces): LatentView {
  const [batch, contextTokens] = mask.shape as [number, number];
  const { tokens } = tokenGrid(config);
  return {
    rope: latentRope(config, start),
    visibility: attentionVisibility({ batch, tokens, contextTokens, contextMask: mask }),
  };
}

/** The view after a context, which is borrowed. */
export function latentView(config: LatteFlowConfig, { mask, end }: PromptContext): LatentView {
  const start = contextEndRope(config, end);
  try {
    return viewAfter(config, { mask, start });
  } finally {
    dispose([start.cos, start.sin]);
  }
}

export function disposeLatentView(view: LatentView): void {
  dispose(view as unknown as TensorContainer);
}
