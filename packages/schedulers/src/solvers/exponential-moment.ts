/** Below it the recurrence loses digits and the series is short. */
const SERIES_BELOW = 2;

/**
 * psi_k(z) = z ∫_0^1 exp(-z (1 - u)) u^k du, to float64: 1 - exp(-z) for k = 0, then psi_k = 1 - (k / z) psi_{k-1}. It is
 * k! z times the phi function of order k + 1 of exponential integrators, at -z. For z = Infinity all are 1.
 */
export function exponentialMoment(k: number, z: number): number {
  if (Math.abs(z) < SERIES_BELOW) {
    let sum = 0;
    for (let n = 1, term = z / (k + 1); Math.abs(term) > 1e-18 * Math.abs(sum); n++) {
      sum += term;
      term *= -z / (k + 1 + n);
    }
    return sum;
  }
  let value = -Math.expm1(-z);
  for (let j = 1; j <= k; j++) value = 1 - (j / z) * value;
  return value;
}
