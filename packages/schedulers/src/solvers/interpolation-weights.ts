/**
 * Weights w_j with sum_j w_j r_j^k = moments[k - 1] for k = 1 … n, over n distinct nodes r_j, none of them 0: what the
 * polynomial through (0, 0) and (r_j, d_j) integrates to is sum_j w_j d_j if moments[k - 1] is the integral of u^k.
 */
export function interpolationWeights(nodes: readonly number[], moments: readonly number[]): readonly number[] {
  return nodes.map((node, j) => {
    // Coefficients of u, u^2, … in the Lagrange polynomial that is 1 at `node` and 0 at 0 and the other nodes.
    let polynomial = [1 / node];
    nodes.forEach((other, m) => {
      if (m === j) return;
      const shifted = [0, ...polynomial];
      polynomial = shifted.map((value, k) => (value - other * (polynomial[k] ?? 0)) / (node - other));
    });
    return polynomial.reduce((sum, value, k) => sum + value * moments[k]!, 0);
  });
}
