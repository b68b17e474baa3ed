import type { Shape } from '@latte-flow/core';

import { linearShapes, qwenParameterShapes, visionAttentionShapes } from '../qwen2-vl/parameter-shapes.ts';
import type { Qwen25VLConfig } from './qwen25-vl-config.ts';

/** What a Qwen2.5-VL checkpoint must hold, no more and no less: RMS norms without biases, a SwiGLU with them. */
export function qwen25VLParameterShapes(config: Qwen25VLConfig): ReadonlyMap<string, Shape> {
  const { embedDim, intermediateSize } = config.vision;
  const block: [string, Shape][] = [
    ['norm1.weight', [embedDim]],
    ['norm2.weight', [embedDim]],
    ...visionAttentionShapes(embedDim),
    ...linearShapes('mlp.gate_proj', { from: embedDim, to: intermediateSize }),
    ...linearShapes('mlp.up_proj', { from: embedDim, to: intermediateSize }),
    ...linearShapes('mlp.down_proj', { from: intermediateSize, to: embedDim }),
  ];
  return qwenParameterShapes(config, { block, mergerNorm: [['ln_q.weight', [embedDim]]] });
}
