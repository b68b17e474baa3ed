import { type Tensor, type Tensor1D, type Tensor2D, type Tensor3D } from '@tensorflow/tfjs-core';

import { kernelOr, type KernelFeatures } from '../kernel/selection.ts';
import { gatedAddGradient, modulateGradient } from '../modulation/gradient.ts';
import { normBackward } from '../norm-rows/backward.ts';
import { columnSums } from '../reduction/column-sums.ts';
import { rmsNormGradient } from '../rms-norm/gradient.ts';
import { rmsNormPortable } from '../rms-norm/portable.ts';

/** For each member's sum of dy n: the gradient of its scale, and its part of the weight's. */
const modulatedChannels = columnSums({
  name: 'modulatedRmsNormGradient channels',
  inputs: ['dy_n', 'scale'],
  channels: ['weight'],
  outputs: { dscale: 'dy_n * weight' },
  sums: { dweight: 'dy_n * (1.0 + scale)' },
});

const gatedChannels = columnSums({
  name: 'gatedRmsNormAddGradient channels',
  inputs: ['dz_n', 'scale'],
  channels: ['weight'],
  outputs: { dscale: 'dz_n * weight' },
  sums: { dweight: 'dz_n * scale' },
});

/** dy, x [B, N, D], weight [D], scale [B, D] -> [dx, dweight, dscale, dshift]. */
export function modulatedRmsNormGradient(
  dy: Tensor3D,
  x: Tensor3D,
  weight: Tensor1D,
  scale: Tensor2D,
  eps: number,
): readonly Tensor[] {
  return kernelOr<readonly Tensor[]>(
    [x],
    (features) => {
      const [dx, dyN, dshift] = backward('modulatedRms', [dy, x, weight, scale], { eps, ...features });
      const [dscale, dweight] = channelGradients(modulatedChannels, [dyN!, scale, weight]);
      dyN!.dispose();
      return [dx!, dweight!, dscale!, dshift!];
    },
    () => {
      const [dn, dscale, dshift] = modulateGradient(dy, rmsNormPortable(x, weight, eps) as Tensor3D, scale);
      const [dx, dweight] = rmsNormGradient(dn!, x, weight, eps);
      return [dx, dweight, dscale!, dshift!];
    },
  );
}

/** dz, y [B, N, D], weight [D], scale [B, D] -> [dx, dscale, dy, dweight]. */
export function gatedRmsNormAddGradient(
  dz: Tensor3D,
  scale: Tensor2D,
  y: Tensor3D,
  weight: Tensor1D,
  eps: number,
): readonly Tensor[] {
  return kernelOr<readonly Tensor[]>(
    [y],
    (features) => {
      const [dy, dzN] = backward('gatedRms', [dz, y, weight, scale], { eps, ...features });
      const [dscale, dweight] = channelGradients(gatedChannels, [dzN!, scale, weight]);
      dzN!.dispose();
      return [dz.clone(), dscale!, dy!, dweight!];
    },
    () => {
      const [dx, dscale, dn] = gatedAddGradient(dz, scale, rmsNormPortable(y, weight, eps) as Tensor3D);
      const [dy, dweight] = rmsNormGradient(dn!, y, weight, eps);
      return [dx!, dscale!, dy, dweight];
    },
  );
}

function backward(
  form: 'modulatedRms' | 'gatedRms',
  tensors: readonly [dy: Tensor3D, x: Tensor3D, weight: Tensor1D, scale: Tensor2D],
  { eps, subgroups }: KernelFeatures & { eps: number },
): Tensor[] {
  return normBackward(form, tensors, { eps, subgroups, members: tensors[1].shape[0] });
}

/** The channels' own sums run over the batch: its members are the rows. */
function channelGradients(
  kernel: typeof gatedChannels,
  tensors: readonly [sums: Tensor, scale: Tensor2D, weight: Tensor1D],
): Tensor[] {
  const [members, width] = tensors[1].shape;
  return kernel({ tensors, shape: [1, members, width], outputShape: [members, width], sumShape: [width] });
}
