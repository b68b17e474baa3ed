import { requireFinite } from '@latte-flow/core';

import { norm } from './arithmetic.ts';
import { measuredGuidance } from './correction.ts';
import type { Guidance } from './guidance.ts';

/**
 * Gives every row (last axis) of the guided velocity the norm of the conditional one: g |v_cond| / |g|, as Qwen-Image does
 * at all times. There the last axis is the channels of a token.
 */
export function normPreservingGuidance(guidance: Guidance): Guidance {
  return measuredGuidance(guidance, 'norm-preserving', (guided, conditional, arithmetic) =>
    arithmetic.multiply(
      guided,
      arithmetic.ratio(norm(arithmetic, conditional, 'row'), norm(arithmetic, guided, 'row')),
    ),
  );
}

/**
 * Limits the norm of every guided sample to `limit` times that of the conditional one: Z-Image's `cfg_normalization`,
 * there over the `original` form of classifier-free guidance.
 * @throws LatteFlowError `invalid-argument` unless `limit` is finite and >= 0.
 */
export function normLimitedGuidance(guidance: Guidance, limit = 1): Guidance {
  requireFinite('normLimitedGuidance', 'limit', limit, { min: 0 });
  return measuredGuidance(guidance, `norm-limited(${limit})`, (guided, conditional, arithmetic) => {
    const bound = arithmetic.combine([[limit, norm(arithmetic, conditional)]]);
    const factor = arithmetic.ratio(bound, norm(arithmetic, guided));
    return arithmetic.multiply(guided, arithmetic.map(factor, 'atMostOne'));
  });
}
