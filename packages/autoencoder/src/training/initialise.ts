import { elementCount, NoisePurpose, normalNoise, requireInteger, type Shape } from '@latte-flow/core';
import type { ParameterValues } from '@latte-flow/runtime';

import type { DcAutoencoderConfig } from '../dc/dc-config.ts';
import { dcParameterShapes } from '../dc/parameter-shapes.ts';

/** Norms at the end of a residual branch: at 0, every block starts as the identity. */
const BRANCH_END = /\.(norm|norm_out)\.weight$/;

function constantOf(name: string): number {
  if (name.endsWith('.running_var')) return 1;
  if (!name.endsWith('.weight')) return 0;
  return BRANCH_END.test(name) && name !== 'decoder.norm_out.weight' ? 0 : 1;
}

/** Weights `[out, in, …]` from N(0, 1 / in), which keeps the size of what passes through. */
function weightOf(shape: Shape, { seed, image }: { seed: number; image: number }): Float32Array {
  const deviation = 1 / Math.sqrt(elementCount(shape.slice(1)));
  const noise = normalNoise(elementCount(shape), { seed, image, purpose: NoisePurpose.initialisation });
  return noise.map((value) => value * deviation);
}

/**
 * Fresh parameters of a DC-AE. Blocks start as the identity: the shortcuts alone carry the picture. Parameter i of
 * `dcParameterShapes` draws from stream i of the seed, so that the same seed always gives the same model.
 * @throws LatteFlowError `invalid-argument` if the seed is not an integer in [0, 2^53)
 */
export function initialiseDcParameters(config: DcAutoencoderConfig, seed: number): Map<string, ParameterValues> {
  requireInteger('initialiseDcParameters', 'seed', seed, { min: 0 });
  const entries = [...dcParameterShapes(config)].map(([name, shape], image): [string, ParameterValues] => {
    const values =
      shape.length > 1 ? weightOf(shape, { seed, image }) : new Float32Array(shape[0]!).fill(constantOf(name));
    return [name, { shape, values }];
  });
  return new Map(entries);
}

/** Whether a parameter is learned: the running statistics of batch norm are not. */
export function isTrainableDcParameter(name: string): boolean {
  return !/\.running_(mean|var)$/.test(name);
}
