import { contrastWeights, type FormOptions, nonlinearGuidance } from './contrast.ts';
import type { Guidance } from './guidance.ts';

/** Keeps the angle defined where v_cond and v_null are orthogonal and as long as each other. */
const TINY = 1e-30;

/**
 * Tangential damping classifier-free guidance (TCFG, Kwon et al., 2025): before the usual rule, the null velocity of each
 * sample is projected on the first right-singular vector of [v_cond; v_null]. With G = [[p, q], [q, r]] their inner products,
 * that vector is cos(a) v_cond + sin(a) v_null up to its length, tan(2 a) = 2 q / (p - r), and the projection is
 * sin(2 a) / 2 v_cond + (1 - cos(2 a)) / 2 v_null: no decomposition is needed.
 * @throws LatteFlowError `invalid-argument` unless `guidanceScale` is finite.
 */
export function tangentialGuidance(guidanceScale: number, options: FormOptions = {}): Guidance {
  const weights = contrastWeights('tangentialGuidance', guidanceScale, options);
  return nonlinearGuidance(`tcfg(${guidanceScale})`, weights, (conditional, unconditional, { arithmetic }) => {
    const q = arithmetic.dot(conditional, unconditional);
    const half = arithmetic.combine([
      [0.5, arithmetic.dot(conditional, conditional)],
      [-0.5, arithmetic.dot(unconditional, unconditional)],
    ]);
    const radius = arithmetic.map(
      arithmetic.combine([
        [1, arithmetic.multiply(half, half)],
        [1, arithmetic.multiply(q, q)],
      ]),
      'sqrt',
    );
    const velocity = arithmetic.combine([
      [weights[0], conditional],
      [weights[1] / 2, arithmetic.multiply(conditional, arithmetic.ratio(q, radius, TINY))],
      [weights[1] / 2, unconditional],
      [-weights[1] / 2, arithmetic.multiply(unconditional, arithmetic.ratio(half, radius, TINY))],
    ]);
    return { velocity };
  });
}
