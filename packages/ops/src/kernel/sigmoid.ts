/**
 * WGSL on `Value`s: `sigmoid(u)`, and `sigmoid_slope(u)` = s (1 - s) without the cancellation of 1 - s. Arguments are clamped to
 * where e^-u is finite, because WGSL promises nothing of infinities.
 */
export const SIGMOID = /* wgsl */ `
  fn odds(u: Value) -> Value { return exp(-clamp(u, Value(-87.0), Value(87.0))); } // (1 - s) / s
  fn sigmoid(u: Value) -> Value { return 1.0 / (1.0 + odds(u)); }
  fn sigmoid_slope(u: Value) -> Value {
    let e = odds(u);
    let s = 1.0 / (1.0 + e);
    return s * (e * s);
  }`;
