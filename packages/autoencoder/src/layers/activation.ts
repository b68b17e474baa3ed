import { gelu, silu } from '@latte-flow/ops';
import { relu, type Tensor } from '@tensorflow/tfjs-core';

import type { ActivationName } from '../dc/dc-config.ts';

/** Applies an activation by its name in config.json. */
export function activate(x: Tensor, name: ActivationName): Tensor {
  return { relu, silu, gelu }[name](x);
}
