import { LatteFlowError } from '@latte-flow/core';
import type { Tensor } from '@tensorflow/tfjs-core';

import { kernelOr } from '../kernel/selection.ts';
import { withGradientOfMany } from '../with-gradient-of-many.ts';
import { repeatPortable, sumPortable } from './portable.ts';
import { repeatWebGPU, sumWebGPU } from './webgpu.ts';

/** Sums of groups of consecutive channels, times `factor`: [..., C g] -> [..., C]. */
function scaledSum(x: Tensor, group: number, factor: number): Tensor {
  return kernelOr(
    [x],
    () => sumWebGPU(x, group, factor),
    () => sumPortable(x, group, factor),
  );
}

/** Each channel `group` times side by side, times `factor`: [..., C] -> [..., C g]. */
function scaledRepeat(x: Tensor, group: number, factor: number): Tensor {
  return kernelOr(
    [x],
    () => repeatWebGPU(x, group, factor),
    () => repeatPortable(x, group, factor),
  );
}

function groupOf(where: string, many: number, few: number): number {
  const group = many / few;
  if (Number.isInteger(group) && group > 0) return group;
  throw new LatteFlowError('shape-mismatch', {
    where,
    expected: 'numbers of channels of which one divides the other',
    got: `${many} and ${few}`,
    remedy: 'Check the channels of the stages.',
  });
}

/**
 * Means of groups of consecutive channels.
 *
 * @param x `[..., C]` float32, borrowed
 * @returns `[..., channels]`, owned by the caller
 * @throws LatteFlowError `shape-mismatch` unless `channels` divides C
 */
export function averageChannels(x: Tensor, channels: number): Tensor {
  const group = groupOf('averageChannels', x.shape.at(-1)!, channels);
  const [y] = withGradientOfMany('averageChannels', {
    inputs: { x },
    forward: () => [scaledSum(x, group, 1 / group)],
    gradient: ([dy]) => ({ x: scaledRepeat(dy!, group, 1 / group) }),
  });
  return y!;
}

/**
 * Each channel several times over, side by side.
 *
 * @param x `[..., C]` float32, borrowed
 * @returns `[..., channels]`, owned by the caller
 * @throws LatteFlowError `shape-mismatch` unless C divides `channels`
 */
export function repeatChannels(x: Tensor, channels: number): Tensor {
  const group = groupOf('repeatChannels', channels, x.shape.at(-1)!);
  const [y] = withGradientOfMany('repeatChannels', {
    inputs: { x },
    forward: () => [scaledRepeat(x, group, 1)],
    gradient: ([dy]) => ({ x: scaledSum(dy!, group, 1) }),
  });
  return y!;
}
