/**
 * An affine probability path from noise (t = 0) to data (t = 1): x_t = alpha(t) x_1 + sigma(t) x_0, with x_1 the data
 * and x_0 the noise. Its velocity is u = alpha'(t) x_1 + sigma'(t) x_0. All figures are float64.
 */
export interface Path {
  readonly name: string;
  /** Share of the data in x_t. */
  alpha(time: number): number;
  /** Share of the noise in x_t. */
  sigma(time: number): number;
  alphaDerivative(time: number): number;
  sigmaDerivative(time: number): number;
}
