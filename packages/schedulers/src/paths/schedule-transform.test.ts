import { describe, expect, test } from 'vitest';

import { flatNumbers, relativeError, schedulerFixtures } from '../../../../tooling/test/scheduler-fixtures.ts';
import { integrate } from '../solvers/integrate.ts';
import { rk4 } from '../solvers/rk4.ts';
import { gaussianFlow } from '../testing/gaussian-flow.ts';
import { cosinePath, trigFlowPath } from './cosine.ts';
import { linearPath } from './linear.ts';
import type { Path } from './path.ts';
import { polynomialPath } from './polynomial.ts';
import { transformSchedule, transformVelocity } from './schedule-transform.ts';
import { linearVariancePreservingPath, variancePreservingPath } from './variance-preserving.ts';

const paths: readonly Path[] = [
  linearPath,
  polynomialPath(2),
  variancePreservingPath(),
  linearVariancePreservingPath,
  cosinePath,
  trigFlowPath(),
];
const pairs = paths.flatMap((from) => paths.map((to) => [from.name, to.name, { from, to }] as const));
const inner = [0.15, 0.3, 0.5, 0.75, 0.95];

test.each(paths)('of $name onto itself is the identity', (path) => {
  for (const time of inner) {
    const { time: t, scale, timeDerivative, scaleDerivative } = transformSchedule({ from: path, to: path, time });
    expect(relativeError([t, scale, timeDerivative, scaleDerivative], [time, 1, 1, 0])).toBeLessThan(1e-12);
  }
});

describe.each(pairs)('%s to %s', (_from, _to, change) => {
  test('matches both weights, and its derivatives are those of time and scale', () => {
    const h = 1e-6;
    for (const time of inner) {
      const at = (r: number) => transformSchedule({ ...change, time: r });
      const { time: t, scale, timeDerivative, scaleDerivative } = at(time);
      const [alpha, sigma] = [scale * change.from.alpha(t), scale * change.from.sigma(t)];
      expect(relativeError([alpha, sigma], [change.to.alpha(time), change.to.sigma(time)])).toBeLessThan(1e-12);
      const slopes = [at(time + h).time - at(time - h).time, at(time + h).scale - at(time - h).scale];
      const numeric = slopes.map((difference) => difference / (2 * h));
      expect(relativeError([timeDerivative, scaleDerivative], numeric)).toBeLessThan(1e-6);
    }
  });

  test('turns the exact velocity of one path into that of the other', async () => {
    const data = { mean: 0.7, std: 0.4 };
    const [old, changed] = [gaussianFlow(data, change.from), gaussianFlow(data, change.to)];
    const velocity = transformVelocity(async (x, time) => old.velocity(x, time), change);
    const x = new Float64Array([-1.5, 0.2, 2]);
    for (const time of inner) {
      const transformed = await velocity(x, time, { step: 0, stage: 0, target: time });
      expect(relativeError(transformed, changed.velocity(x, time))).toBeLessThan(1e-11);
    }
  });
});

test('is analytic at both ends where it is finite', () => {
  const at = (from: Path, to: Path, time: number) => transformSchedule({ from, to, time });
  expect(at(linearPath, polynomialPath(2), 0)).toMatchObject({ time: 0, scale: 1, timeDerivative: 0 });
  expect(at(linearPath, polynomialPath(2), 1)).toEqual({ time: 1, scale: 1, timeDerivative: 2, scaleDerivative: 0 });
  const { time, scale, timeDerivative, scaleDerivative } = at(linearPath, cosinePath, 1);
  // x = sin(pi r / 2) x_1 + cos(pi r / 2) x_0 beside t x_1 + (1 - t) x_0: sigma falls with slope -pi / 2.
  expect([time, scale]).toEqual([1, 1]);
  expect(relativeError([timeDerivative, scaleDerivative], [Math.PI / 2, -Math.PI / 2])).toBeLessThan(1e-15);
});

test('refuses ends at which it is not finite, and noise that the model never saw', () => {
  const at = (from: Path, to: Path, time: number) => () => transformSchedule({ from, to, time });
  expect(at(linearPath, variancePreservingPath(), 1)).toThrow(/sigma' of the variance-preserving path is finite/);
  expect(at(linearVariancePreservingPath, linearPath, 1)).toThrow(/got t = 1\. Stop short/);
  expect(at(polynomialPath(2), linearPath, 0)).toThrow(/transformSchedule: expected a time at which .*, got t = 0/);
  expect(at(variancePreservingPath(), linearPath, 0.001)).toThrow(
    /path has as much noise as the linear path, got t = 0.001/,
  );
  expect(at(linearPath, cosinePath, 1.5)).toThrow(/time to be a finite number in \[0, 1\]/);
  const further = transformSchedule({ from: variancePreservingPath(), to: linearPath, time: 0.001, extrapolate: true });
  expect(further.time).toBeLessThan(0);
  for (const betaMax of [3, 8, 15, 20]) {
    const path = variancePreservingPath({ betaMax });
    const { time } = transformSchedule({ from: path, to: path, time: 0 });
    expect(time >= 0 && time < 1e-14).toBe(true);
  }
});

test('a run along another path ends where one along the own path does, and asks within it', async () => {
  const flow = gaussianFlow({ mean: 0.7, std: 0.4 });
  const times = Array.from({ length: 65 }, (_, i) => i / 64);
  const sample = new Float64Array([-1.2, 0.4, 1.9]);
  const seen: number[] = [];
  const velocity = transformVelocity(
    (x, time, { target }) => {
      seen.push(target);
      return flow.velocity(x, time);
    },
    { from: linearPath, to: cosinePath },
  );
  const along = await integrate(rk4(), { times, sample, velocity });
  const own = await integrate(rk4(), { times, sample, velocity: flow.velocity });
  expect(relativeError(along.sample, own.sample)).toBeLessThan(1e-7);
  expect(seen.at(-1)).toBe(1);
});

interface TransformFixture {
  readonly schedule_transformed_model: {
    readonly model: string;
    readonly x: unknown;
    readonly t: readonly number[];
    readonly cases: readonly { readonly original: string; readonly new: string; readonly u: readonly unknown[] }[];
  };
}

const upstream: Readonly<Record<string, Path>> = {
  CondOT: linearPath,
  Cosine: cosinePath,
  VP: variancePreservingPath(),
  LinearVP: linearVariancePreservingPath,
  Polynomial_n2: polynomialPath(2),
};

test.each(schedulerFixtures<TransformFixture>('paths'))('$title: transformed models', async ({ content }) => {
  const { model, x, t, cases } = content.schedule_transformed_model;
  expect(model).toBe('u(x,t)=tanh(1.3*x+0.5*t)-0.2*x');
  for (const { original, new: changed, u } of cases) {
    const velocity = transformVelocity(
      (sample, time) => sample.map((value) => Math.tanh(1.3 * value + 0.5 * time) - 0.2 * value),
      { from: upstream[original]!, to: upstream[changed]! },
    );
    for (const [i, time] of t.entries()) {
      const transformed = await velocity(flatNumbers(x), time, { step: 0, stage: 0, target: time });
      expect(relativeError(transformed, flatNumbers(u[i])), `${original} to ${changed}`).toBeLessThan(1e-12);
    }
  }
});
