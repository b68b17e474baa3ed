import { requireFinite } from '@latte-flow/core';

import type { VelocityField } from '../solvers/drive.ts';
import { combineArrays, type FloatArray } from '../arrays/float-array.ts';
import { type Path, refuseTime } from './path.ts';

export interface PathChange {
  /** The path that the model was trained on. */
  readonly from: Path;
  /** The path to sample along. */
  readonly to: Path;
  /**
   * Whether the model may be asked at times below 0, where `to` has more noise than `from` begins with (only a
   * variance-preserving one begins with a little data). Default false: refused.
   */
  readonly extrapolate?: boolean;
}

/** x on the new path at time r is `scale` times x on the old one at `time`; derivatives are by r. */
export interface ScheduleTransform {
  readonly time: number;
  readonly scale: number;
  readonly timeDerivative: number;
  readonly scaleDerivative: number;
}

type Moment = PathChange & { readonly time: number };

/** What rounding may make of t = 0. */
const SLACK = 1e-12;

/** The t of the old path with the new one's ratio alpha / sigma at `time`; all paths end in the data. */
function oldTime(where: string, { from, to, extrapolate, time }: Moment): number {
  requireFinite(where, 'time', time, { min: 0, max: 1 });
  const sigma = to.sigma(time);
  if (sigma === 0) return 1;
  const old = from.snrInverse(to.alpha(time) / sigma);
  if (old >= 0 || extrapolate) return old;
  return old > -SLACK ? 0 : refuseTime(where, `the ${from.name} path has as much noise as the ${to.name} path`, time);
}

/**
 * Where a new path at `time` r lies on the one that a model was trained on: the t of the same ratio alpha / sigma, and
 * the scale between the two (Lipman et al., "Flow matching guide and code", 2024, section 4.7). The derivatives come from
 * alpha / sigma in the half of the noise and from sigma / alpha in that of the data, so that r = 0 and r = 1 are
 * analytic where they are finite.
 *
 * @throws LatteFlowError `invalid-argument` for r outside [0, 1], where `from` has no such ratio, and where a
 * derivative is infinite: r = 1 if a path is variance-preserving, r = 0 if `from` leaves the noise with speed 0.
 */
export function transformSchedule(moment: Moment): ScheduleTransform {
  const where = 'transformSchedule';
  const { from, to, time } = moment;
  const t = oldTime(where, moment);
  const [alpha, sigma] = [to.alpha(time), to.sigma(time)];
  const [alphaSlope, sigmaSlope] = [to.alphaDerivative(time), to.sigmaDerivative(time)];
  const [oldAlpha, oldSigma] = [from.alpha(t), from.sigma(t)];
  const [oldAlphaSlope, oldSigmaSlope] = [from.alphaDerivative(t), from.sigmaDerivative(t)];
  const nearData = alpha > sigma;
  const scale = nearData ? alpha / oldAlpha : sigma / oldSigma;
  // d ratio / dr = (d ratio / dt) t'; the squared denominators of the two sides leave scale^2.
  const timeDerivative =
    (alphaSlope * sigma - alpha * sigmaSlope) / (oldAlphaSlope * oldSigma - oldAlpha * oldSigmaSlope) / scale ** 2;
  const scaleDerivative = nearData
    ? (alphaSlope - scale * oldAlphaSlope * timeDerivative) / oldAlpha
    : (sigmaSlope - scale * oldSigmaSlope * timeDerivative) / oldSigma;
  if (Number.isFinite(timeDerivative) && Number.isFinite(scaleDerivative)) {
    return { time: t, scale, timeDerivative, scaleDerivative };
  }
  return refuseTime(where, `the ${from.name} path moves as the ${to.name} path does`, time);
}

/**
 * The velocity along the path `to` of a model of dx/dt along the path `from`: (s' / s) x + t' s u(x / s, t), for runs
 * over `times`. Returns new arrays of the sample's kind.
 * @throws LatteFlowError as `transformSchedule`, when called at such a time.
 */
export function transformVelocity(velocity: VelocityField<FloatArray>, change: PathChange): VelocityField<FloatArray> {
  return async (sample, node, options) => {
    const { time, scale, timeDerivative, scaleDerivative } = transformSchedule({ ...change, time: node });
    const target = oldTime('transformVelocity', { ...change, time: options.target });
    const old = combineArrays('transformVelocity', [[1 / scale, sample]]);
    return combineArrays('transformVelocity', [
      [scaleDerivative / scale, sample],
      [timeDerivative * scale, await velocity(old, time, { ...options, target })],
    ]);
  };
}
