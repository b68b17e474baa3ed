import { requireFinite } from '@latte-flow/core';

import { singleEvaluation } from './single-evaluation.ts';
import type { Solver } from './solver.ts';
import { descent } from './towards-data.ts';

export interface AncestralEulerOptions {
  /** How much of the step is walked too far and noised back, >= 0; 0 is Euler's method. Default 1. */
  readonly eta?: number;
  /** Factor of the noise, >= 0. Default 1; 0 draws none and walks too far all the same, as upstream does. */
  readonly noiseScale?: number;
}

/** Keeps the reference's quotients finite at sigma 1, and the results equal to its. */
const TINY = 1e-12;
/** The reference takes smaller sigmas for the data. */
const DATA = 1e-8;

/**
 * Ancestral Euler on the linear path (diffusers' `LTXEulerAncestralRFScheduler`, ComfyUI's `euler_ancestral` for rectified
 * flow). From sigma s to t: a step down to d = t (1 + (t / s - 1) eta), then (1 - t) / (1 - d) x + c n with
 * c = sqrt(t^2 - d^2 (1 - t)^2 / (1 - d)^2), the noise that is missing at t. The step to the data draws none.
 *
 * @throws LatteFlowError `invalid-argument` for a negative option; its plan, for a grid from data to noise.
 */
export function ancestralEuler({ eta = 1, noiseScale = 1 }: AncestralEulerOptions = {}): Solver {
  requireFinite('ancestralEuler', 'eta', eta, { min: 0 });
  requireFinite('ancestralEuler', 'noiseScale', noiseScale, { min: 0 });
  const stochastic = eta > 0 && noiseScale > 0;
  return {
    name: 'ancestral-euler',
    order: 1,
    stochastic,
    plan(step) {
      const { s, t, sign } = descent('ancestralEuler', step);
      if (t < DATA) return singleEvaluation(step, { sample: 1, velocity: -s * sign });
      const down = t * (1 + (t / s - 1) * eta);
      const velocity = (down - s) * sign;
      if (!stochastic) return singleEvaluation(step, { sample: 1, velocity });
      const sample = (1 - t) / (1 - down + TINY);
      const missing = t * t - (down * (1 - t)) ** 2 / ((1 - down) ** 2 + TINY);
      const noise = noiseScale * Math.sqrt(Math.max(0, missing));
      return singleEvaluation(step, { sample, velocity: sample * velocity, noise });
    },
  };
}
