import { requireFinite } from '@latte-flow/core';

import type { Guidance } from './guidance.ts';

/**
 * Classifier-free guidance: v = v_null + w (v_cond - v_null). At w = 1 the null branch has no weight and is not named, at
 * w = 0 the conditional one.
 * @throws LatteFlowError `invalid-argument` unless `guidanceScale` is finite.
 */
export function classifierFreeGuidance(guidanceScale: number): Guidance {
  const w = requireFinite('classifierFreeGuidance', 'guidanceScale', guidanceScale);
  if (w === 1) return { name: 'cfg', branches: ['conditional'], weights: { conditional: 1 } };
  if (w === 0) return { name: 'cfg', branches: ['null'], weights: { null: 1 } };
  return { name: 'cfg', branches: ['conditional', 'null'], weights: { conditional: w, null: 1 - w } };
}
