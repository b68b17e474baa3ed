import { requireFinite } from '@latte-flow/core';

import { measuredGuidance } from './correction.ts';
import type { Guidance } from './guidance.ts';

/**
 * Brings the spread of each guided sample back to that of the conditional one (Lin et al., "Common diffusion noise
 * schedules and sample steps are flawed", 2024, section 3.4): g (phi std(v_cond) / std(g) + 1 - phi), standard deviations
 * unbiased over all axes but the batch. A sample without spread stays as it is.
 * @param rescale phi in [0, 1]; 0 returns `guidance` itself.
 */
export function rescaledGuidance(guidance: Guidance, rescale: number): Guidance {
  const phi = requireFinite('rescaledGuidance', 'rescale', rescale, { min: 0, max: 1 });
  if (phi === 0) return guidance;
  return measuredGuidance(guidance, `rescaled(${phi})`, (guided, conditional, arithmetic) => {
    const ratio = arithmetic.ratio(arithmetic.deviation(conditional), arithmetic.deviation(guided));
    return arithmetic.combine([
      [phi, arithmetic.multiply(guided, ratio)],
      [1 - phi, guided],
    ]);
  });
}
