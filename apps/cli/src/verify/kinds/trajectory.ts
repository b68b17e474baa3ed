import { describeValue } from '@latte-flow/core';
import { euler, floatArrays, heun, stepperOf, type FloatArray, type Solver } from '@latte-flow/schedulers';

import { list } from '../compare.ts';
import type { Fixture, Json } from '../discover.ts';
import type { FixtureReport } from '../report.ts';

const FORMULA = 'v(x, sigma) = tanh(1.3*x + 0.5*sigma) - 0.2*x   (elementwise)';
const model = (x: number, sigma: number): number => Math.tanh(1.3 * x + 0.5 * sigma) - 0.2 * x;

const objectOf = (value: unknown): Json => (typeof value === 'object' && value !== null ? (value as Json) : {});

function flatNumbers(nested: unknown, name: string): number[] {
  const flat: unknown[] = [nested].flat(Number.POSITIVE_INFINITY);
  if (flat.length > 0 && flat.every((value) => typeof value === 'number')) return flat as number[];
  throw new Error(`The fixture has no numbers as ${name}, but ${describeValue(nested)}.`);
}

/** The solver that a fixture is of, or undefined if the package does not have it. */
function solverOf({ source, config, step_kwargs: step }: Json): Solver | undefined {
  switch (objectOf(source)['class']) {
    case 'FlowMatchEulerDiscreteScheduler':
      return objectOf(config)['stochastic_sampling'] === true ? undefined : euler();
    case 'FlowMapEulerDiscreteScheduler':
      return euler();
    case 'FlowMatchHeunDiscreteScheduler':
      return Number(objectOf(step)['s_churn'] ?? 0) === 0 ? heun({ eulerAtFinal: true }) : undefined;
    default:
      return undefined;
  }
}

/** The sample after each evaluation, as upstream's `step()` returns it. */
function trajectoryOf(
  solver: Solver,
  start: { readonly sigmas: readonly number[]; readonly sample: FloatArray },
): number[] {
  const stepper = stepperOf(solver, { arithmetic: floatArrays });
  const samples: number[] = [];
  let state = stepper.begin(start);
  while (state.request !== undefined) {
    const { sample, node } = state.request;
    state = stepper.advance(
      state,
      sample.map((x) => model(x, node)),
    );
    samples.push(...(state.request?.sample ?? state.slots.sample));
  }
  return samples;
}

/**
 * The samples of a solver over the fixture's sigmas, in float64 and float32. How a `scheduler_config.json` makes those
 * sigmas is not known yet, and said so.
 */
export async function checkTrajectory({ content }: Fixture, report: FixtureReport): Promise<void> {
  const solver = solverOf(content);
  if (solver === undefined || objectOf(content['model'])['formula'] !== FORMULA) {
    const name = String(objectOf(content['source'])['class']);
    report.unsupported('*', `no solver or model for ${name} with this configuration yet`);
    return;
  }
  for (const precision of ['f64', 'f32'] as const) {
    const expected = objectOf(objectOf(content['expected'])[precision]);
    const tolerance = Number(objectOf(content['tolerance'])[precision]);
    await report.compare(`trajectory.${precision}`, { metric: 'relative', tolerance }, () => {
      // Heun's grid comes with its inner nodes doubled, one entry a model call.
      const sigmas = flatNumbers(expected['sigmas'], 'sigmas').filter((sigma, i, all) => sigma !== all[i - 1]);
      const sample = flatNumbers(expected['initial_sample'], 'initial_sample');
      const array = precision === 'f64' ? Float64Array.from(sample) : Float32Array.from(sample);
      const nodes = sigmas.slice(Number(content['begin_index'] ?? 0));
      return [
        list(trajectoryOf(solver, { sigmas: nodes, sample: array })),
        list(flatNumbers(expected['trajectory'], 'trajectory')),
      ];
    });
  }
  report.unsupported('sigmas', 'reading a scheduler_config.json is not supported yet');
}
