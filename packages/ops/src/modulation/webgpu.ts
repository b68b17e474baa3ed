import type { Tensor, Tensor2D, Tensor3D } from '@tensorflow/tfjs-core';

import { elementwise } from '../kernel/elementwise.ts';
import { columnSums } from '../reduction/column-sums.ts';

const modulation = elementwise({
  name: 'modulate',
  inputs: ['x'],
  channels: ['scale', 'shift'],
  outputs: { y: 'x * (1.0 + scale) + shift' },
});

const gatedAddition = elementwise({
  name: 'gatedAdd',
  inputs: ['x', 'y'],
  channels: ['scale'],
  outputs: { z: 'x + scale * y' },
});

const modulationBackward = columnSums({
  name: 'modulateGradient',
  inputs: ['dy', 'x'],
  channels: ['scale'],
  outputs: { dx: 'dy * (1.0 + scale)' },
  sums: { dscale: 'dy * x', dshift: 'dy' },
});

const gatedAdditionBackward = columnSums({
  name: 'gatedAddGradient',
  inputs: ['dz', 'y'],
  channels: ['scale'],
  outputs: { dy: 'dz * scale' },
  sums: { dscale: 'dz * y' },
});

/** x (1 + scale) + shift; x [B, N, D], scale and shift [B, D]. */
export function modulateWebGPU(x: Tensor3D, scale: Tensor2D, shift: Tensor2D): Tensor3D {
  return modulation({ tensors: [x, scale, shift], shape: x.shape })[0] as Tensor3D;
}

/** x + scale y; x and y [B, N, D], scale [B, D]. */
export function gatedAddWebGPU(x: Tensor3D, scale: Tensor2D, y: Tensor3D): Tensor3D {
  return gatedAddition({ tensors: [x, y, scale], shape: x.shape })[0] as Tensor3D;
}

/** dy, x [B, N, D], scale [B, D] -> [dx, dscale, dshift]. */
export function modulateGradientWebGPU(dy: Tensor3D, x: Tensor3D, scale: Tensor2D): Tensor[] {
  return modulationBackward({ tensors: [dy, x, scale], shape: x.shape });
}

/** dz, y [B, N, D], scale [B, D] -> [dy, dscale]. */
export function gatedAddGradientWebGPU(dz: Tensor3D, scale: Tensor2D, y: Tensor3D): Tensor[] {
  return gatedAdditionBackward({ tensors: [dz, y, scale], shape: y.shape });
}
