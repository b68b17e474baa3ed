import { elementCount, NoisePurpose, normalNoise, requireInteger } from '@latte-flow/core';
import type { ParameterValues } from '@latte-flow/runtime';

import { parameterShapes } from './registry.ts';
import type { VisionLanguageConfig } from './vlm-adapter.ts';

const STANDARD_DEVIATION = 0.02;

/**
 * Fresh parameters for training from nothing: weights from N(0, 0.02²), norm weights 1, biases 0. Parameter i of
 * `parameterShapes` draws from stream i of the seed, so that the same seed always gives the same model.
 * @throws LatteFlowError `invalid-argument` if the seed is not an integer in [0, 2^53)
 */
export function initialiseParameters(config: VisionLanguageConfig, seed: number): Map<string, ParameterValues> {
  requireInteger('initialiseParameters', 'seed', seed, { min: 0 });
  const entries = [...parameterShapes(config)].map(([name, shape], i): [string, ParameterValues] => {
    const count = elementCount(shape);
    if (name.endsWith('.bias')) return [name, { shape, values: new Float32Array(count) }];
    if (shape.length === 1) return [name, { shape, values: new Float32Array(count).fill(1) }];
    const noise = normalNoise(count, { seed, image: i, purpose: NoisePurpose.initialisation });
    return [name, { shape, values: noise.map((value) => value * STANDARD_DEVIATION) }];
  });
  return new Map(entries);
}
