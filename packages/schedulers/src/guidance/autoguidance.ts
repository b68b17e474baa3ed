import { contrastWeights, type FormOptions, linearGuidance } from './contrast.ts';
import type { Guidance } from './guidance.ts';

/**
 * Autoguidance (Karras et al., 2024): away from a weaker model under the same prompt, v = v_weak + w (v_cond - v_weak).
 * @throws LatteFlowError `invalid-argument` unless `guidanceScale` is finite.
 */
export function autoguidance(guidanceScale: number, options: FormOptions = {}): Guidance {
  const [to, from] = contrastWeights('autoguidance', guidanceScale, options);
  return linearGuidance(`autoguidance(${guidanceScale})`, { conditional: to, weak: from });
}
