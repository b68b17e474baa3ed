import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import { expertGroups, intervalOfGroup } from './expert-groups.ts';
import { layerFlops } from './layer-flops.ts';
import { residencyOf } from './residency.ts';
import { samplingCost } from './sampling-cost.ts';
import { planSampling } from './sampling-plan.ts';

const uniform = (steps: number) => Array.from({ length: steps + 1 }, (_, i) => i / steps);
const paper = expertGroups({ layers: 28, groups: 4 });
const uneven = expertGroups({ layers: 6, groups: 3, boundaries: [0, 0.15, 0.6, 1] });

describe('plan', () => {
  test('runs each step in the group of its start', () => {
    const plan = planSampling(uneven, { times: [0, 0.1, 0.15, 0.5, 1] });
    expect(plan.steps).toEqual([
      { index: 0, start: 0, end: 0.1, group: 0, layers: [0, 2] },
      { index: 1, start: 0.1, end: 0.15, group: 0, layers: [0, 2] },
      { index: 2, start: 0.15, end: 0.5, group: 1, layers: [2, 4] },
      { index: 3, start: 0.5, end: 1, group: 1, layers: [2, 4] },
    ]);
    expect(plan.warnings).toMatchObject([{ code: 'groups-skipped', groups: [2] }]);
    expect([plan, plan.steps, plan.steps[0], plan.steps[0]!.layers, plan.warnings].every(Object.isFrozen)).toBe(true);
  });

  test('warns of the groups skipped with fewer steps than groups, and of none otherwise', () => {
    expect(planSampling(paper, { times: uniform(40) }).warnings).toEqual([]);
    expect(planSampling(paper, { times: uniform(4) }).warnings).toEqual([]);
    const [warning, ...others] = planSampling(paper, { times: uniform(2) }).warnings;
    expect(warning).toMatchObject({ groups: [1, 3] });
    expect(warning!.message).toContain('groups 1, 3 of 4');
    expect(others).toEqual([]);
  });

  test('a run that starts late skips nothing that it does not cross', () => {
    expect(planSampling(paper, { times: [0.5, 0.75, 1] }).warnings).toEqual([]);
    expect(planSampling(paper, { times: [0, 0.2] }).warnings).toEqual([]);
  });

  test('cuts steps at boundaries on request, so that no step crosses one', () => {
    expect(planSampling(uneven, { times: [0, 0.15, 1], stopAtBoundaries: true }).steps.map(({ end }) => end)).toEqual([
      0.15, 0.6, 1,
    ]);
    const inner = fc.double({ min: 0.001, max: 0.999, noNaN: true });
    fc.assert(
      fc.property(fc.uniqueArray(inner, { maxLength: 10 }), (times) => {
        const ascending = [0, ...times, 1].sort((a, b) => a - b);
        const plan = planSampling(uneven, { times: ascending, stopAtBoundaries: true });
        expect(plan.warnings).toEqual([]);
        for (const { start, end, group } of plan.steps) {
          const [from, to] = intervalOfGroup(uneven, group);
          expect(start).toBeGreaterThanOrEqual(from - 1e-6);
          expect(end).toBeLessThanOrEqual(to + 1e-6);
        }
      }),
      { seed: 31, numRuns: 200 },
    );
  });

  test.each([
    [[0], /at least two numbers/],
    [[0, 0.5, 0.5, 1], /times\[2\] to exceed the one before, got 0.5 after 0.5/],
    [[1, 0], /times\[1\] to exceed/],
    [[0, 1.5], /times\[1\] to be a finite number in \[0, 1\]/],
    [[0, Number.NaN, 1], /times\[1\] to be a finite number/],
  ])('refuses the times %j', (times, message) => {
    expect(() => planSampling(paper, { times })).toThrow(message);
  });
});

describe('residency', () => {
  test('names each group once, in order, with the steps it serves', () => {
    expect(residencyOf(planSampling(paper, { times: uniform(6) }))).toEqual([
      { group: 0, layers: [0, 7], steps: [0, 2] },
      { group: 1, layers: [7, 14], steps: [2, 3] },
      { group: 2, layers: [14, 21], steps: [3, 5] },
      { group: 3, layers: [21, 28], steps: [5, 6] },
    ]);
    expect(residencyOf(planSampling(paper, { times: uniform(2) })).map(({ group }) => group)).toEqual([0, 2]);
  });
});

describe('cost', () => {
  test('is M a forward pass beside L', () => {
    const plan = planSampling(paper, { times: uniform(40) });
    expect(samplingCost(plan)).toEqual({ evaluations: 40, layers: 280, vanillaLayers: 1120 });
    expect(samplingCost(plan, { evaluationsPerStep: 4, flopsPerLayer: 10 })).toEqual({
      evaluations: 160,
      layers: 1120,
      vanillaLayers: 4480,
      flops: 11_200,
      vanillaFlops: 44_800,
    });
    expect(() => samplingCost(plan, { evaluationsPerStep: 0 })).toThrow(/evaluationsPerStep to be an integer >= 1/);
    expect(() => samplingCost(plan, { flopsPerLayer: Number.NaN })).toThrow(/flopsPerLayer/);
  });

  test('a layer is the sum over its matrix products', () => {
    const [D, I, H, G, E, N, T] = [12, 20, 4, 2, 6, 5, 7];
    const products: readonly (readonly [rows: number, inner: number, columns: number, times?: number])[] = [
      [N, D, H * E], // query
      [N, D, G * E, 2], // key, value
      [N, H * E, D], // output
      [N, E, N + T, H], // scores
      [N, N + T, E, H], // weighted values
      [N, D, I, 2], // gate, up
      [N, I, D], // down
      [1, D, 4 * D], // modulation
      [1, D, H], // residual gate
    ];
    const expected = products.reduce((sum, [m, k, n, times = 1]) => sum + 2 * m * k * n * times, 0);
    const sizes = { hiddenSize: D, intermediateSize: I, heads: H, kvHeads: G, headDim: E, tokens: N, contextLength: T };
    expect(layerFlops(sizes)).toBe(expected);
  });

  test('is the 257 GFLOP that the benchmarks count for 64 images through 4 layers of D = 384, N = 256', () => {
    const flops = layerFlops({ hiddenSize: 384, intermediateSize: 1024, heads: 6, tokens: 256 });
    expect(Math.abs((4 * 64 * flops) / 257e9 - 1)).toBeLessThan(0.01);
    expect(() => layerFlops({ hiddenSize: 385, intermediateSize: 4, heads: 6, tokens: 1 })).toThrow(/headDim/);
  });
});
