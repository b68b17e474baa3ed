/** Sides of the window of SSIM, as in the paper: Gaussian weights of 11 x 11 pixels. */
const WINDOW = 11;
const DEVIATION = 1.5;

/** Peak signal-to-noise ratio in dB of pixels in [-1, 1], clipped to them. */
export function peakSignalToNoise(a: Float32Array, b: Float32Array): number {
  let sum = 0;
  a.forEach((value, i) => (sum += (clip(value) - clip(b[i]!)) ** 2));
  return 10 * Math.log10(4 / (sum / a.length));
}

const clip = (value: number): number => Math.min(1, Math.max(-1, value));

const weights = ((): number[] => {
  const raw = Array.from({ length: WINDOW }, (_, i) => Math.exp(-((i - (WINDOW - 1) / 2) ** 2) / (2 * DEVIATION ** 2)));
  const total = raw.reduce((sum, weight) => sum + weight, 0);
  return raw.map((weight) => weight / total);
})();

/** Weighted means in every window that lies inside: [side, side] -> [side - 10, side - 10]. */
function windowMeans(values: Float64Array, side: number): Float64Array {
  const inner = side - WINDOW + 1;
  const rows = new Float64Array(side * inner);
  for (let y = 0; y < side; y++) {
    for (let x = 0; x < inner; x++) {
      weights.forEach((weight, k) => (rows[y * inner + x]! += weight * values[y * side + x + k]!));
    }
  }
  const means = new Float64Array(inner * inner);
  for (let y = 0; y < inner; y++) {
    for (let x = 0; x < inner; x++) {
      weights.forEach((weight, k) => (means[y * inner + x]! += weight * rows[(y + k) * inner + x]!));
    }
  }
  return means;
}

/**
 * Structural similarity (Wang et al. 2004) of square pictures [3, side, side] in [-1, 1], clipped to them: the mean over
 * windows and channels.
 */
export function structuralSimilarity(a: Float32Array, b: Float32Array, side: number): number {
  const [c1, c2] = [(0.01 * 2) ** 2, (0.03 * 2) ** 2];
  const plane = side * side;
  const channels = a.length / plane;
  let total = 0;
  let count = 0;
  for (let channel = 0; channel < channels; channel++) {
    const [x, y] = [a, b].map((values) =>
      Float64Array.from(values.subarray(channel * plane, (channel + 1) * plane), clip),
    ) as [Float64Array, Float64Array];
    const means = (f: (i: number) => number): Float64Array =>
      windowMeans(
        x.map((_, i) => f(i)),
        side,
      );
    const [mx, my] = [means((i) => x[i]!), means((i) => y[i]!)];
    const [xx, yy, xy] = [means((i) => x[i]! ** 2), means((i) => y[i]! ** 2), means((i) => x[i]! * y[i]!)];
    mx.forEach((m, i) => {
      const n = my[i]!;
      const covariance = xy[i]! - m * n;
      const variances = xx[i]! - m * m + yy[i]! - n * n;
      total += ((2 * m * n + c1) * (2 * covariance + c2)) / ((m * m + n * n + c1) * (variances + c2));
      count++;
    });
  }
  return total / count;
}
