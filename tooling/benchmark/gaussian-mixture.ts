import { normalNoise } from '@latte-flow/core';
import { dopri5, integrate, shiftSigmas, timesOfSigmas, uniformSigmas } from '@latte-flow/schedulers';

import type { Problem } from './problem.ts';

const DIMENSIONS = 16;
const COMPONENTS = 8;
const SAMPLES = 64;
const DEVIATION = 0.15;

/**
 * The marginal velocity of the linear path into a mixture of Gaussians N(mu_k, s^2 I) of equal weight, in closed form. Given
 * component k, x_t is N(t mu_k, v I) with v = t^2 s^2 + (1 - t)^2, so that with d = (x - t mu_k) / v
 * E[data - noise | x, k] = mu_k + (t s^2 - (1 - t)) d; the components mix by their posterior probability.
 */
function mixtureVelocity(x: Float64Array, t: number, means: Float64Array): Float64Array {
  const variance = t ** 2 * DEVIATION ** 2 + (1 - t) ** 2;
  const gain = (t * DEVIATION ** 2 - (1 - t)) / variance;
  const velocity = new Float64Array(x.length);
  for (let row = 0; row < x.length; row += DIMENSIONS) {
    const logits = Array.from({ length: COMPONENTS }, (_, k) => {
      let distance = 0;
      for (let i = 0; i < DIMENSIONS; i++) distance += (x[row + i]! - t * means[k * DIMENSIONS + i]!) ** 2;
      return -distance / (2 * variance);
    });
    const highest = Math.max(...logits);
    const weights = logits.map((logit) => Math.exp(logit - highest));
    const total = weights.reduce((sum, weight) => sum + weight, 0);
    for (const [k, weight] of weights.entries()) {
      for (let i = 0; i < DIMENSIONS; i++) {
        const mean = means[k * DIMENSIONS + i]!;
        velocity[row + i]! += (weight / total) * (mean + gain * (x[row + i]! - t * mean));
      }
    }
  }
  return velocity;
}

/** Seeded noise carried into a mixture of eight Gaussians in 16 dimensions, in float64, over sigmas shifted by `shift`. */
export function gaussianMixture({ shift }: { readonly shift: number }): Problem {
  const means = Float64Array.from(normalNoise(COMPONENTS * DIMENSIONS, { seed: 11 }));
  const sample = Float64Array.from(normalNoise(SAMPLES * DIMENSIONS, { seed: 12 }));
  const velocity = (x: Float32Array | Float64Array, t: number) => mixtureVelocity(Float64Array.from(x), t, means);
  return {
    description: `the flow into a mixture of ${COMPONENTS} Gaussians in ${DIMENSIONS} dimensions, ${SAMPLES} samples, float64, shift ${shift}; reference: Dopri5 at rtol 1e-12`,
    budgets: [4, 8, 12, 16, 24, 32, 48, 64, 96, 128, 192, 256],
    times: (steps) => timesOfSigmas(shiftSigmas(uniformSigmas(steps), shift)),
    boundaries: [0, 1],
    solve: (solver, times) => integrate(solver, { times, sample, velocity }),
    async reference() {
      const solved = async (tolerance: number) => {
        const solver = dopri5({ rtol: tolerance, atol: tolerance, maxSteps: 100_000 });
        return (await integrate(solver, { times: [0, 1], sample, velocity })).sample;
      };
      return { fine: await solved(1e-12), coarse: await solved(1e-11) };
    },
    dispose: () => undefined,
  };
}
