import { exponentialMoment } from './exponential-moment.ts';

/** log(alpha / sigma) of the linear path: Infinity at sigma 0, -Infinity at 1. */
export const logSnr = (sigma: number): number => Math.log((1 - sigma) / sigma);

/** Whether a sigma is that of the noise or of the data, where lambda is infinite and no interpolation can rest. */
export const isSingular = (sigma: number): boolean => sigma === 0 || sigma === 1;

/** How a polynomial in u, with lambda = lambda_from + unit u, enters a step: its u^k adds `scale` times `moment(k)`. */
export interface Kernel {
  readonly unit: number;
  readonly scale: number;
  /** The kernel's exponent over all of u, on which the moments depend. */
  readonly z: number;
  moment(k: number): number;
}

/**
 * The exact step of dx = (dsigma / sigma) (x - m) + noise from one sigma to another, m the prediction of the data as a
 * polynomial in lambda = log(alpha / sigma) (DPM-Solver++, arXiv 2211.01095; with noise of strength tau: SA-Solver,
 * arXiv 2309.05019). With h the advance in lambda, z = (1 + tau^2) h and u = (lambda - lambda_from) / h,
 * x' = retained x + gain m_0 + drift dx/dsigma + noise n + scale sum_k moment(k) m_k for m = sum_k m_k u^k.
 */
export interface ExponentialStep extends Kernel {
  readonly retained: number;
  readonly gain: number;
  /** Not 0 in a step from the data only, where m = x and the velocity is what counts. */
  readonly drift: number;
  readonly noise: number;
}

/** The step between two sigmas. tau > 0 needs the second one to be the smaller. */
export function exponentialStep(from: number, to: number, tau = 0): ExponentialStep {
  const unit = logSnr(to) - logSnr(from);
  // Without noise nothing is damped, however long the step: 0 Infinity is 0 here.
  const damping = tau === 0 ? 0 : tau * tau * unit;
  const z = unit + damping;
  const moment = (k: number) => exponentialMoment(k, z);
  const kernel = { unit, z, scale: 1 - to, moment };
  if (from === 0) return { ...kernel, retained: 1, gain: 0, drift: to, noise: 0 };
  return {
    ...kernel,
    retained: (to / from) * Math.exp(-damping),
    gain: tau === 0 ? 1 - to / from : (1 - to) * moment(0),
    drift: 0,
    noise: to * Math.sqrt(-Math.expm1(-2 * damping)),
  };
}

/** The integrals of u, …, u^count. */
export const exactMoments = (count: number, { moment }: Kernel): readonly number[] =>
  Array.from({ length: count }, (_, i) => moment(i + 1));
