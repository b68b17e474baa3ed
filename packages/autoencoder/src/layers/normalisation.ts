import { rmsNorm } from '@latte-flow/ops';
import type { ParameterScope } from '@latte-flow/runtime';
import { add, div, mul, sqrt, sub, tidy, type Tensor } from '@tensorflow/tfjs-core';

import type { NormType } from '../dc/dc-config.ts';

const EPS = 1e-5;

/** Batch norm by its running statistics: a scale and a shift of each channel. */
function batchNorm(x: Tensor, parameters: ParameterScope): Tensor {
  return tidy(() => {
    const scale = div(parameters.get('weight'), sqrt(add(parameters.get('running_var'), EPS)));
    const shift = sub(parameters.get('bias'), mul(parameters.get('running_mean'), scale));
    return add(mul(x, scale), shift);
  });
}

/** Normalises `[..., C]` over channels, or as batch norm does; with weight and bias. */
export function normalise(x: Tensor, parameters: ParameterScope, type: NormType): Tensor {
  if (type === 'batch_norm') return batchNorm(x, parameters);
  return tidy(() => add(rmsNorm(x, parameters.get('weight'), EPS), parameters.get('bias')));
}
