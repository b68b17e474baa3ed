import { clone, type Tensor, tidy } from '@tensorflow/tfjs-core';

import { type Branch, type Guidance, guidanceTerms } from '../guidance/guidance.ts';
import { combineTensors } from './tensor-arithmetic.ts';

/**
 * The guided velocity of float32 tensors of one shape. Borrows the branches; the caller owns the result.
 * @throws LatteFlowError `invalid-argument` if a branch that the rule names is missing.
 */
export function guideTensors(guidance: Guidance, velocities: Readonly<Partial<Record<Branch, Tensor>>>): Tensor {
  // The clone keeps a borrowed branch and the result apart where a rule has one branch of weight 1.
  return tidy(() => clone(combineTensors(guidanceTerms(guidance, velocities))));
}
