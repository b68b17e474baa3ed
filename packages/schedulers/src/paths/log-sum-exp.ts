/** log(exp(term(0)) + … + exp(term(count - 1))) without overflow. */
export function logSumExp(count: number, term: (index: number) => number): number {
  let peak = -Infinity;
  for (let i = 0; i < count; i++) peak = Math.max(peak, term(i));
  let sum = 0;
  for (let i = 0; i < count; i++) sum += Math.exp(term(i) - peak);
  return peak + Math.log(sum);
}
