import { floatArrays, stepperOf, type FloatArray, type Solver } from '@latte-flow/schedulers';

/** dx/dsigma = tanh(a x + b sigma) - c x, for each element alone. */
export interface ElementwiseField {
  velocity(x: number, sigma: number): number;
  /** By x. */
  derivative(x: number, sigma: number): number;
}

const FORMULA = /tanh\(([\d.]+)\*x\s*\+\s*([\d.]+)\*sigma\)\s*-\s*([\d.]+)\*x/;

/** The field that a fixture's `model` spells out, with its three parameters; undefined for any other formula. */
export function elementwiseField(model: unknown): ElementwiseField | undefined {
  const parameters = FORMULA.exec(String(model))?.slice(1).map(Number);
  if (parameters === undefined) return undefined;
  const [a, b, c] = parameters as [number, number, number];
  return {
    velocity: (x, sigma) => Math.tanh(a * x + b * sigma) - c * x,
    derivative: (x, sigma) => a * (1 - Math.tanh(a * x + b * sigma) ** 2) - c,
  };
}

/** What a run of a solver on such a field came to. */
export interface FieldRun {
  /** x at every node of the grid. */
  readonly samples: readonly FloatArray[];
  /** x at the last one. */
  readonly sample: FloatArray;
  /** Where each step ended that was taken, the finer ones of an adaptive solver, after the first node. */
  readonly taken: readonly number[];
  readonly evaluations: number;
}

/** Runs a deterministic solver over a grid of sigmas and notes where it was. */
export function runField(
  solver: Solver,
  {
    field,
    sigmas,
    sample,
  }: { readonly field: ElementwiseField; readonly sigmas: readonly number[]; readonly sample: FloatArray },
): FieldRun {
  const stepper = stepperOf(solver, { arithmetic: floatArrays });
  let state = stepper.begin({ sigmas, sample });
  const samples = [state.slots.sample];
  const taken = [sigmas[0]!];
  while (state.request !== undefined) {
    const { sample: point, node } = state.request;
    const next = stepper.advance(
      state,
      point.map((x) => field.velocity(x, node)),
    );
    if (next.step > state.step) samples.push(next.slots.sample);
    if (next.accepted > state.accepted) taken.push(next.step > state.step ? sigmas[next.step]! : node);
    state = next;
  }
  return { samples, sample: state.slots.sample, taken, evaluations: state.evaluations };
}
