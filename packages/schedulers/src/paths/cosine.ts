import { requirePositive } from '@latte-flow/core';

import { type Path, requireSnr } from './path.ts';

const HALF_PI = Math.PI / 2;

/** Both factors are sines of a multiple of t or 1 - t, so that they and their slopes are exactly 0 at the ends. */
const quarterWave = (name: string, deviation: number): Path => ({
  name,
  alpha: (time) => Math.sin(HALF_PI * time),
  sigma: (time) => deviation * Math.sin(HALF_PI * (1 - time)),
  alphaDerivative: (time) => HALF_PI * Math.sin(HALF_PI * (1 - time)),
  sigmaDerivative: (time) => -HALF_PI * deviation * Math.sin(HALF_PI * time),
  snrInverse: (snr) => Math.atan(requireSnr(name, snr) * deviation) / HALF_PI,
});

/** x_t = sin(pi t / 2) x_1 + cos(pi t / 2) x_0 (generalised VP of SiT, the VP matcher of torchcfm). */
export const cosinePath: Path = /* @__PURE__ */ quarterWave('cosine', 1);

export interface TrigFlowOptions {
  /** Standard deviation of the data, which the noise is scaled to; > 0. Default 0.5, sCM's. */
  readonly sigmaData?: number;
}

/**
 * TrigFlow (Lu and Song, 2024): x = cos(angle) x_1 + sigmaData sin(angle) x_0 for standard normal x_0, with
 * angle = pi (1 - t) / 2. Its velocity is by the time, like every path's: dx/dt = -(pi / 2) dx/dangle.
 * @throws LatteFlowError `invalid-argument` unless sigmaData is finite and > 0.
 */
export function trigFlowPath({ sigmaData = 0.5 }: TrigFlowOptions = {}): Path {
  return quarterWave('trigflow', requirePositive('trigFlowPath', 'sigmaData', sigmaData));
}
