import { expect, test } from 'vitest';

import { flatNumbers, relativeError, schedulerFixtures } from '../../../../tooling/test/scheduler-fixtures.ts';
import { integrate } from './integrate.ts';
import { explicitRungeKutta } from './runge-kutta.ts';

interface OdeReference {
  readonly initial_sample: unknown;
  readonly fixed_step: {
    readonly methods: Readonly<
      Record<string, { c: number[]; a: number[][]; b: number[]; nfe: number; trajectory: unknown[] }>
    >;
  };
}

test.each(schedulerFixtures<OdeReference>('ode_reference'))('$title: any tableau', async ({ content }) => {
  for (const [name, { c, a, b, nfe, trajectory }] of Object.entries(content.fixed_step.methods)) {
    const solver = explicitRungeKutta({ name, order: 0, nodes: c, coefficients: a, weights: b });
    let sample = flatNumbers(content.initial_sample);
    let evaluations = 0;
    const steps = trajectory.length - 1;
    // A step at a time: a Runge-Kutta method has no history.
    for (let i = 0; i < steps; i++) {
      const solution = await integrate(solver, {
        sigmas: [(steps - i) / steps, (steps - i - 1) / steps],
        sample,
        velocity: (x, sigma) => x.map((value) => Math.tanh(1.3 * value + 0.5 * sigma) - 0.2 * value),
      });
      sample = solution.sample;
      evaluations += solution.evaluations;
      expect(relativeError(sample, flatNumbers(trajectory[i + 1])), `${name}, step ${i}`).toBeLessThanOrEqual(1e-12);
    }
    expect(evaluations).toBe(nfe);
  }
});
