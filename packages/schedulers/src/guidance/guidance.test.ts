import { expect, test } from 'vitest';

import { flatNumbers, relativeError, schedulerFixtures } from '../../../../tooling/test/scheduler-fixtures.ts';
import { classifierFreeGuidance } from './classifier-free.ts';
import { guide } from './guidance.ts';

interface GuidanceFixture {
  readonly pred_cond: unknown;
  readonly pred_uncond: unknown;
  readonly cases: readonly {
    readonly name: string;
    readonly guidance_scale: number;
    readonly use_original_formulation?: boolean;
    readonly out: unknown;
  }[];
}

test.each(schedulerFixtures<GuidanceFixture>('guidance'))('$title: cfg', ({ content }) => {
  const cases = content.cases.filter(
    ({ name, use_original_formulation }) => name === 'cfg' && use_original_formulation !== true,
  );
  expect(cases.length).toBeGreaterThan(0);
  const velocities = { conditional: flatNumbers(content.pred_cond), null: flatNumbers(content.pred_uncond) };
  for (const { guidance_scale, out } of cases) {
    const guided = guide(classifierFreeGuidance(guidance_scale), velocities);
    expect(relativeError(guided, flatNumbers(out))).toBeLessThan(1e-12);
  }
});

test('says which branches it needs', () => {
  expect(classifierFreeGuidance(1).branches).toEqual(['conditional']);
  expect(classifierFreeGuidance(0).branches).toEqual(['null']);
  expect(classifierFreeGuidance(3).branches).toEqual(['conditional', 'null']);
  const conditional = new Float32Array([1, 2]);
  expect(guide(classifierFreeGuidance(1), { conditional })).toEqual(conditional);
  expect(() => guide(classifierFreeGuidance(3), { conditional })).toThrow(/the velocity of the null branch/);
  expect(() => classifierFreeGuidance(Number.NaN)).toThrow(/guidanceScale to be a finite number/);
});
