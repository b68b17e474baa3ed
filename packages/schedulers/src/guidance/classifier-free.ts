import { contrastWeights, type FormOptions, linearGuidance } from './contrast.ts';
import type { Guidance } from './guidance.ts';

/**
 * Classifier-free guidance: v = v_null + w (v_cond - v_null), or with `form: 'original'` (the paper's, and Z-Image's)
 * v_cond + w (v_cond - v_null). At w = 1 the null branch has no weight and is not named, at w = 0 the conditional one.
 * @throws LatteFlowError `invalid-argument` unless `guidanceScale` is finite.
 */
export function classifierFreeGuidance(guidanceScale: number, options: FormOptions = {}): Guidance {
  const [to, from] = contrastWeights('classifierFreeGuidance', guidanceScale, options);
  return linearGuidance(`cfg(${guidanceScale})`, { conditional: to, null: from });
}
