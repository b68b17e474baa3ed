import { neg, tidy, type Tensor3D, type Tensor4D } from '@tensorflow/tfjs-core';

import { ropePortable } from './portable.ts';

/** The rotation is orthogonal: its gradient turns the other way. */
export function ropeGradient(dy: Tensor4D, cos: Tensor3D, sin: Tensor3D): Tensor4D {
  return tidy(() => ropePortable(dy, cos, neg(sin)));
}
