import type { StepControl } from './step-control.ts';
import { stageSlot } from './runge-kutta.ts';
import type { Combination, Instruction, Memory, Step } from './solver.ts';

const velocity = stageSlot(0);
const kept = { sample: { sample: 1 }, [velocity]: { [velocity]: 1 } };

/**
 * Hairer's first step (Hairer, Nørsett and Wanner, "Solving ordinary differential equations I", II.4), which costs one
 * evaluation besides that of the first stage: measures |x|, |v| and how v changes over a small Euler step, one after the
 * other, then leaves `h` in memory and the velocity in its slot.
 */
export function initialStep(
  { start, end, memory }: Step,
  { rtol, atol, exponent }: Pick<StepControl, 'rtol' | 'atol'> & { readonly exponent: number },
): readonly Instruction[] {
  const measure = (error: Combination, next: (norm: number) => Memory): Instruction => ({
    kind: 'measure',
    error,
    between: [{ sample: 1 }, { sample: 1 }],
    rtol,
    atol,
    decide: (norm) => ({ slots: kept, memory: next(norm), done: false }),
  });
  const { d0, d1 } = memory;
  if (d0 === undefined) {
    const first: Instruction = { kind: 'evaluate', node: start, sample: { sample: 1 }, into: velocity };
    return [first, measure({ sample: 1 }, (norm) => ({ d0: norm }))];
  }
  if (d1 === undefined) return [measure({ [velocity]: 1 }, (norm) => ({ d0, d1: norm }))];
  const small = Math.min(d0 < 1e-5 || d1 < 1e-5 ? 1e-6 : (0.01 * d0) / d1, Math.abs(end - start));
  const h = Math.sign(end - start) * small;
  return [
    { kind: 'evaluate', node: start + h, sample: { sample: 1, [velocity]: h }, into: 'probe' },
    measure({ probe: 1, [velocity]: -1 }, (norm) => {
      const steepest = Math.max(d1, norm / small);
      const optimal = steepest <= 1e-15 ? Math.max(1e-6, small * 1e-3) : (0.01 / steepest) ** (1 / exponent);
      return { h: Math.min(100 * small, optimal) };
    }),
  ];
}
