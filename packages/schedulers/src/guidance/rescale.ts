import { requireFinite } from '@latte-flow/core';

import { standardDeviation } from './arithmetic.ts';
import { correctedGuidance } from './correction.ts';
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
  return correctedGuidance(guidance, `${guidance.name} rescaled(${phi})`, (guided, conditional, arithmetic) => {
    const spread = (array: typeof guided) => standardDeviation(arithmetic, array);
    const matched = arithmetic.multiply(guided, arithmetic.ratio(spread(conditional), spread(guided)));
    return arithmetic.combine([
      [phi, matched],
      [1 - phi, guided],
    ]);
  });
}
