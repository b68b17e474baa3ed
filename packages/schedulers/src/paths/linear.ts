import { type Path, requireSnr } from './path.ts';

/** The straight path (CondOT, rectified flow): x_t = t x_1 + (1 - t) x_0, velocity u = x_1 - x_0. */
export const linearPath: Path = {
  name: 'linear',
  alpha: (time) => time,
  sigma: (time) => 1 - time,
  alphaDerivative: () => 1,
  sigmaDerivative: () => -1,
  snrInverse: (snr) => requireSnr('linear', snr) / (1 + snr),
};
