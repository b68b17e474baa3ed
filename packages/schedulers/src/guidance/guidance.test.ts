import { LatteFlowError, NoisePurpose, normalNoise, uniformNoise } from '@latte-flow/core';
import { describe, expect, test } from 'vitest';

import { relativeError } from '../../../../tooling/test/scheduler-fixtures.ts';
import { adaptiveProjectedGuidance } from './adaptive-projected.ts';
import { autoguidance } from './autoguidance.ts';
import { cfgZeroStarGuidance } from './cfg-zero-star.ts';
import { classifierFreeGuidance } from './classifier-free.ts';
import { branchesAt, type Guidance } from './guidance.ts';
import { guide, guideWithState } from './guide.ts';
import { guidanceInterval } from './interval.ts';
import { magnitudeAwareGuidance } from './magnitude-aware.ts';
import { normLimitedGuidance, normPreservingGuidance } from './normalise.ts';
import { perturbedGuidance } from './perturbed.ts';
import { rescaledGuidance } from './rescale.ts';
import { tangentialGuidance } from './tangential.ts';

const shape = [3, 2, 4];
const normals = (image: number) => Float64Array.from(normalNoise(24, { seed: 8, image }));
const velocities = { conditional: normals(0), null: normals(1), perturbed: normals(2), weak: normals(3) };
const at = { step: 2, steps: 5, sigma: 0.6 };
const guided = (rule: Guidance, options: object = {}) => guide(rule, velocities, { shape, ...at, ...options });
const norm = (array: Float64Array) => Math.hypot(...array);
const rows = (array: Float64Array, size: number) =>
  Array.from({ length: array.length / size }, (_, i) => array.subarray(i * size, (i + 1) * size));

describe('rules reduce to each other', () => {
  const scales = uniformNoise(20, { seed: 1, purpose: NoisePurpose.time }).map((u) => 12 * u - 2);

  test.each(Array.from(scales))('w = %f', (w) => {
    const cfg = guided(classifierFreeGuidance(w));
    const byHand = velocities.conditional.map((c, i) => velocities.null[i]! + w * (c - velocities.null[i]!));
    for (const rule of [
      classifierFreeGuidance(w - 1, { form: 'original' }),
      rescaledGuidance(classifierFreeGuidance(w), 0),
      adaptiveProjectedGuidance(w),
      adaptiveProjectedGuidance(w, { normThreshold: 1e6 }),
      adaptiveProjectedGuidance(w - 1, { form: 'original' }),
      magnitudeAwareGuidance(w, { alpha: 0 }),
      magnitudeAwareGuidance(w - 1, { alpha: 0, form: 'original' }),
      normLimitedGuidance(classifierFreeGuidance(w), 1e6),
      perturbedGuidance(classifierFreeGuidance(w), { perturbedScale: 0 }),
      perturbedGuidance(classifierFreeGuidance(w), { steps: [0.4, 1] }), // strict on the left
      guidanceInterval(classifierFreeGuidance(w), { steps: [0.4, 0.6], sigmas: [0.6, 1] }),
    ]) {
      expect(relativeError(guided(rule), byHand), rule.name).toBeLessThan(1e-13);
    }
    expect(relativeError(cfg, byHand)).toBeLessThan(1e-14);
    const weak = guide(autoguidance(w), { conditional: velocities.conditional, weak: velocities.null });
    expect(relativeError(weak, byHand)).toBeLessThan(1e-14);
  });

  test.each([
    classifierFreeGuidance(1),
    classifierFreeGuidance(0, { form: 'original' }),
    autoguidance(1),
    adaptiveProjectedGuidance(1, { eta: 0, momentum: -0.5 }),
    magnitudeAwareGuidance(1),
    tangentialGuidance(1),
    cfgZeroStarGuidance(1, { zeroInitSteps: 0 }),
    cfgZeroStarGuidance(1),
    rescaledGuidance(classifierFreeGuidance(1), 0.7),
    normPreservingGuidance(classifierFreeGuidance(1)),
    guidanceInterval(classifierFreeGuidance(5), { steps: [0, 0] }),
    guidanceInterval(classifierFreeGuidance(0), { sigmas: [0.7, 1] }),
    rescaledGuidance(guidanceInterval(adaptiveProjectedGuidance(5), { steps: [0.6, 1] }), 0.5),
    perturbedGuidance(classifierFreeGuidance(1), { perturbedScale: 1 }),
  ])('$name is the conditional velocity, which alone is asked for', (rule) => {
    expect(branchesAt(rule, at)).toEqual(['conditional']);
    const { conditional } = velocities;
    const result = guide(rule, { conditional }, at);
    expect(result).toEqual(conditional);
    expect(result).not.toBe(conditional);
  });
});

describe('what rules promise', () => {
  test('rescale 1 gives the spread of the conditional velocity, sample by sample', () => {
    const spread = (array: Float64Array) => {
      const mean = array.reduce((sum, value) => sum + value / array.length, 0);
      return Math.sqrt(array.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (array.length - 1));
    };
    const result = guided(rescaledGuidance(classifierFreeGuidance(6), 1));
    const [actual, expected] = [result, velocities.conditional].map((array) => rows(array, 8).map(spread));
    expect(relativeError(actual!, expected!)).toBeLessThan(1e-14);
  });

  test('norms: kept row by row, limited sample by sample', () => {
    const kept = guided(normPreservingGuidance(classifierFreeGuidance(6)));
    expect(relativeError(rows(kept, 4).map(norm), rows(velocities.conditional, 4).map(norm))).toBeLessThan(1e-14);
    const limited = guided(normLimitedGuidance(classifierFreeGuidance(6), 1.5));
    expect(relativeError(rows(limited, 8).map(norm), rows(velocities.conditional, 8).map((v) => 1.5 * norm(v)))).toBeLessThan(1e-14); // prettier-ignore
  });

  test('apg without a parallel part adds nothing along the conditional velocity; its limit holds', () => {
    const { conditional } = velocities;
    const original = { form: 'original', eta: 0 } as const;
    const added = guided(adaptiveProjectedGuidance(4, original)).map((value, i) => value - conditional[i]!);
    rows(added, 8).forEach((update, b) => {
      const along = update.reduce((sum, value, i) => sum + value * conditional[8 * b + i]!, 0);
      expect(Math.abs(along)).toBeLessThan(1e-12);
    });
    const short = guided(adaptiveProjectedGuidance(1, { form: 'original', normThreshold: 0.5 }));
    for (const update of rows(short.map((value, i) => value - conditional[i]!), 8)) expect(norm(update)).toBeCloseTo(0.5, 12); // prettier-ignore
  });

  test('momentum is a state that goes out and in, and is never changed', () => {
    const rule = adaptiveProjectedGuidance(3, { momentum: -0.5 });
    const first = guideWithState(rule, velocities, { shape });
    const difference = velocities.conditional.map((c, i) => c - velocities.null[i]!);
    expect(relativeError(first.state!, difference)).toBeLessThan(1e-15);
    const kept = first.state!.slice();
    const second = guideWithState(rule, velocities, { shape, state: first.state });
    expect(relativeError(second.state!, difference.map((d) => d / 2))).toBeLessThan(1e-15); // prettier-ignore
    expect(first.state).toEqual(kept);
    const again = guideWithState(rule, velocities, { shape, state: kept });
    expect(again).toEqual(second);
    const interval = guidanceInterval(rule, { steps: [0, 0.2] });
    const outside = guideWithState(interval, velocities, { shape, ...at, state: kept });
    expect([outside.velocity, outside.state]).toEqual([velocities.conditional, kept]);
  });

  test('tcfg projects the null velocity on the direction of largest energy', () => {
    // v_null parallel to v_cond stays; one far shorter and orthogonal vanishes.
    const conditional = Float64Array.of(3, 0, 4, 0);
    const rule = tangentialGuidance(2);
    const along = guide(rule, { conditional, null: conditional.map((v) => v / 4) }, { shape: [1, 4] });
    expect(relativeError(along, conditional.map((v) => 1.75 * v))).toBeLessThan(1e-14); // prettier-ignore
    const across = guide(rule, { conditional, null: Float64Array.of(0, 0.1, 0, 0) }, { shape: [1, 4] });
    expect(relativeError(across, conditional.map((v) => 2 * v))).toBeLessThan(1e-14); // prettier-ignore
  });

  test('nothing is divided by 0', () => {
    const zeros = new Float64Array(24);
    for (const rule of [
      rescaledGuidance(classifierFreeGuidance(3), 0.7),
      normPreservingGuidance(classifierFreeGuidance(3)),
      normLimitedGuidance(classifierFreeGuidance(3)),
      cfgZeroStarGuidance(3, { zeroInitSteps: 0 }),
      adaptiveProjectedGuidance(3, { eta: 0, normThreshold: 2 }),
      magnitudeAwareGuidance(3),
      tangentialGuidance(3),
    ]) {
      expect(guide(rule, { conditional: zeros, null: zeros }, { shape }), rule.name).toEqual(zeros);
      const fromZero = guide(rule, { conditional: velocities.conditional, null: zeros }, { shape });
      expect(fromZero.every(Number.isFinite), rule.name).toBe(true);
    }
    // v_null = 0 damps the scale of MAMBO-G to 1.
    const damped = guide(magnitudeAwareGuidance(3), { ...velocities, null: zeros }, { shape });
    expect(relativeError(damped, velocities.conditional)).toBeLessThan(1e-15);
  });

  test('float32 branches give float32, summed in float64', () => {
    const single = { conditional: Float32Array.from(velocities.conditional), null: Float32Array.from(velocities.null) };
    const rule = rescaledGuidance(classifierFreeGuidance(3), 0.7);
    const result = guide(rule, single, { shape });
    expect(result).toBeInstanceOf(Float32Array);
    const exact = guide(rule, { conditional: Float64Array.from(single.conditional), null: Float64Array.from(single.null) }, { shape }); // prettier-ignore
    expect(result).toEqual(Float32Array.from(exact));
  });
});

describe('the plan of branches', () => {
  const run = (rule: Guidance, steps = 6) =>
    Array.from({ length: steps }, (_, step) => branchesAt(rule, { step, steps, sigma: 1 - step / steps }).join(' '));

  test('names no branch in vain', () => {
    const [c, n, p] = ['conditional', 'null', 'perturbed'];
    expect(run(guidanceInterval(classifierFreeGuidance(3), { steps: [0.2, 0.7] }))).toEqual([c, `${c} ${n}`, `${c} ${n}`, `${c} ${n}`, c, c]); // prettier-ignore
    expect(run(guidanceInterval(classifierFreeGuidance(3), { sigmas: [0.5, 1] }))).toEqual([...Array(4).fill(`${c} ${n}`), c, c]); // prettier-ignore
    expect(run(cfgZeroStarGuidance(3, { zeroInitSteps: 2 }), 3)).toEqual(['', '', `${c} ${n}`]);
    expect(run(classifierFreeGuidance(0), 1)).toEqual([n]);
    expect(run(rescaledGuidance(classifierFreeGuidance(0), 0.5), 1)).toEqual([`${n} ${c}`]);
    const perturbed = perturbedGuidance(guidanceInterval(classifierFreeGuidance(3), { steps: [0.5, 1] }), { steps: [0, 0.7] }); // prettier-ignore
    expect(run(perturbed)).toEqual([c, `${c} ${p}`, `${c} ${p}`, `${c} ${n} ${p}`, `${c} ${n}`, `${c} ${n}`]);
    expect(perturbed.branches).toEqual([c, n, p]);
    expect(run(perturbedGuidance(cfgZeroStarGuidance(3, { zeroInitSteps: 2 })), 4)).toEqual(['', '', `${c} ${n} ${p}`, `${c} ${n} ${p}`]); // prettier-ignore
  });

  test('a step without branches stands still', () => {
    const sample = normals(4);
    expect(guide(cfgZeroStarGuidance(3), {}, { step: 0, sample })).toEqual(new Float64Array(24));
    expect(() => guide(cfgZeroStarGuidance(3), {}, { step: 0 })).toThrow(/the sample, at a step without branches/);
  });
});

describe('refuses', () => {
  test.each<[string, () => unknown, RegExp]>([
    ['NaN scale', () => classifierFreeGuidance(Number.NaN), /classifierFreeGuidance: expected guidanceScale to be a finite number, got NaN/],
    ['NaN scale', () => tangentialGuidance(Infinity), /tangentialGuidance: expected guidanceScale/],
    ['form', () => autoguidance(2, { form: 'other' as never }), /form to be one of standard, original/],
    ['rescale', () => rescaledGuidance(classifierFreeGuidance(2), 1.5), /rescale to be a finite number in \[0, 1\]/],
    ['limit', () => normLimitedGuidance(classifierFreeGuidance(2), -1), /limit to be a finite number >= 0/],
    ['eta', () => adaptiveProjectedGuidance(2, { eta: Number.NaN }), /eta/],
    ['threshold', () => adaptiveProjectedGuidance(2, { normThreshold: -1 }), /normThreshold/],
    ['momentum', () => adaptiveProjectedGuidance(2, { momentum: Number.NaN }), /momentum/],
    ['alpha', () => magnitudeAwareGuidance(2, { alpha: -1 }), /alpha/],
    ['zeroInitSteps', () => cfgZeroStarGuidance(2, { zeroInitSteps: 0.5 }), /zeroInitSteps to be an integer >= 0/],
    ['perturbedScale', () => perturbedGuidance(classifierFreeGuidance(2), { perturbedScale: Number.NaN }), /perturbedScale/],
    ['reversed steps', () => guidanceInterval(classifierFreeGuidance(2), { steps: [0.8, 0.2] }), /steps\[1\] to be a finite number in \[0.8, 1\], got 0.2/],
    ['reversed sigmas', () => guidanceInterval(classifierFreeGuidance(2), { sigmas: [1, 0] }), /sigmas\[1\] to be a finite number in \[1, 1\], got 0/],
    ['no range', () => guidanceInterval(classifierFreeGuidance(2), {}), /steps\[0\] to be a finite number in \[0, 1\], got undefined/],
    ['range beyond', () => perturbedGuidance(classifierFreeGuidance(2), { steps: [0, 2] }), /steps\[1\]/],
    ['step beyond', () => branchesAt(classifierFreeGuidance(2), { step: 5, steps: 5 }), /step to be an integer in \[0, 4\], got 5/],
    ['no step', () => branchesAt(guidanceInterval(classifierFreeGuidance(2), { steps: [0, 1] }), {}), /steps to be an integer >= 1, got undefined/],
    ['no sigma', () => guided(guidanceInterval(classifierFreeGuidance(2), { sigmas: [0, 1] }), { sigma: undefined }), /sigma to be a finite number/],
    ['sigma beyond', () => branchesAt(classifierFreeGuidance(2), { sigma: 1.5 }), /sigma to be a finite number in \[0, 1\]/],
    ['missing branch', () => guide(classifierFreeGuidance(2), { conditional: velocities.conditional }), /the velocity of the null branch, got undefined. Compute every/],
    ['no shape', () => guided(tangentialGuidance(2), { shape: undefined }), /a shape \[B, …\] of at least two axes/],
    ['flat shape', () => guided(tangentialGuidance(2), { shape: [24] }), /at least two axes/],
    ['memory', () => guided(adaptiveProjectedGuidance(2, { momentum: -0.5 })), /guideWithState/],
    ['a plain list', () => guide(classifierFreeGuidance(2), { conditional: [1], null: [2] } as never), /Float32Array or a Float64Array/],
  ])('%s', (_, run, message) => {
    expect(run).toThrow(message);
    expect(run).toThrow(LatteFlowError);
  }); // prettier-ignore

  test('lengths that differ from each other or from the shape', () => {
    const mismatch = { code: 'shape-mismatch' };
    const short = { conditional: velocities.conditional, null: velocities.null.slice(1) };
    expect(() => guide(classifierFreeGuidance(2), short)).toThrow(expect.objectContaining(mismatch));
    expect(() => guided(tangentialGuidance(2), { shape: [3, 4] })).toThrow(expect.objectContaining(mismatch));
  });
});
