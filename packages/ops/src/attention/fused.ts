import type { Tensor } from '@tensorflow/tfjs-core';

import { withGradientOfMany } from '../with-gradient-of-many.ts';
import { blockSizes, type AttentionBlocks } from './blocks.ts';
import { attentionWebGPU, forwardTile } from './forward-webgpu.ts';
import type { AttentionInputs, AttentionResult } from './inputs.ts';
import { keyGradientTile, keyGradientWebGPU } from './key-gradient-webgpu.ts';
import { queryGradientTile, queryGradientWebGPU, rowStatistics } from './query-gradient-webgpu.ts';

function blocksOf({ query, key, value, context, visibility }: AttentionInputs): AttentionBlocks {
  return { query, key, value, contextKey: context?.key, contextValue: context?.value, visibility };
}

/** False for heads too wide for the device's workgroup memory. */
export function isFusible(inputs: AttentionInputs): boolean {
  const sizes = blockSizes(blocksOf(inputs));
  return (
    inputs.residual === undefined &&
    [forwardTile, queryGradientTile, keyGradientTile].every((choose) => choose(sizes) !== undefined)
  );
}

type Differentiated = 'query' | 'key' | 'value' | 'contextKey' | 'contextValue';

/** `attention` as one op, whose backward pass makes its weights again from each row's log-sum-exp. */
export function attentionFused(inputs: AttentionInputs): AttentionResult {
  const { visibility, ...blocks } = blocksOf(inputs);
  const differentiable = Object.entries(blocks).filter(
    (entry): entry is [Differentiated, Tensor] => entry[1] !== undefined,
  );
  const [output] = withGradientOfMany<Differentiated>('attention', {
    inputs: Object.fromEntries(differentiable),
    forward(save) {
      const { output, logSumExp } = attentionWebGPU({ ...blocks, visibility });
      save(output, logSumExp, ...differentiable.map(([, tensor]) => tensor), ...(visibility ? [visibility.bias] : []));
      return [output];
    },
    gradient([dy], [output, logSumExp, ...saved], wants) {
      const kept = Object.fromEntries(differentiable.map(([name], i) => [name, saved[i]!]));
      const bias = saved[differentiable.length] as NonNullable<typeof visibility>['bias'] | undefined;
      const all = { ...(kept as unknown as AttentionBlocks), ...(bias && { visibility: { bias } }) };
      const rows = { dy: dy!, statistics: rowStatistics(dy!, output!, logSumExp!) };
      const gradients: Partial<Record<Differentiated, Tensor>> = {};
      if (wants('query')) gradients.query = queryGradientWebGPU(all, rows);
      if (wants('key') || wants('value')) [gradients.key, gradients.value] = keyGradientWebGPU(all, rows, 'own');
      if (wants('contextKey') || wants('contextValue')) {
        [gradients.contextKey, gradients.contextValue] = keyGradientWebGPU(all, rows, 'context');
      }
      return gradients;
    },
  });
  return { output: output! };
}
