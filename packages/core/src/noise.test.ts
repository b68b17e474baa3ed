import { describe, expect, test } from 'vitest';

import { LatteFlowError } from './errors.ts';
import { NoisePurpose, normalNoise, seededStepNoise, uniformNoise } from './noise.ts';

const mean = (values: ArrayLike<number>) => Array.from(values).reduce((sum, value) => sum + value, 0) / values.length;

/** Box-Muller by its definition. */
function boxMuller(uniforms: Float64Array): Float32Array {
  return Float32Array.from(uniforms, (_, i) => {
    const [radius, angle] = [Math.sqrt(-2 * Math.log(uniforms[i & ~1]!)), 2 * Math.PI * uniforms[i | 1]!];
    return radius * (i % 2 === 0 ? Math.cos(angle) : Math.sin(angle));
  });
}

describe('noise', () => {
  test.each([0, 3, 2 ** 40 + 5])('normals of seed %s are Box-Muller pairs of the uniforms', (seed) => {
    const stream = { seed, image: 9, purpose: NoisePurpose.data };
    expect(normalNoise(100_002, stream)).toEqual(boxMuller(uniformNoise(100_002, stream)));
  });

  test('has the moments of its distribution', () => {
    const normals = normalNoise(200_000, { seed: 7 });
    expect(Math.abs(mean(normals))).toBeLessThan(0.01);
    expect(Math.abs(mean(normals.map((x) => x * x)) - 1)).toBeLessThan(0.02);
    const uniforms = uniformNoise(200_000, { seed: 7 });
    expect(Math.abs(mean(uniforms) - 0.5)).toBeLessThan(0.005);
    expect(Math.min(...uniforms.subarray(0, 10_000))).toBeGreaterThan(0);
  });

  test('a shorter draw is a prefix of a longer one', () => {
    expect([...normalNoise(5, { seed: 3, image: 2 })]).toEqual([
      ...normalNoise(64, { seed: 3, image: 2 }).subarray(0, 5),
    ]);
  });

  test('streams differ by seed, high seed bits, image and purpose', () => {
    const draws = [
      normalNoise(8, { seed: 1 }),
      normalNoise(8, { seed: 2 }),
      normalNoise(8, { seed: 1 + 2 ** 40 }),
      normalNoise(8, { seed: 1, image: 1 }),
      normalNoise(8, { seed: 1, purpose: NoisePurpose.time }),
    ].map((draw) => draw.join());
    expect(new Set(draws).size).toBe(draws.length);
  });

  test('a step draws the same numbers whenever it is asked, and other steps draw others', () => {
    const noise = seededStepNoise({ seed: 5, image: 1 });
    const third = [...noise(3, 6)];
    expect([...noise(4, 6)]).not.toEqual(third);
    expect([...noise(3, 6)]).toEqual(third);
  });

  test.each([-1, 1.5, 2 ** 53, Number.NaN])('refuses seed %s', (seed) => {
    expect(() => normalNoise(4, { seed })).toThrow(LatteFlowError);
    expect(() => normalNoise(4, { seed })).toThrow(/normalNoise: expected seed to be an integer >= 0/);
  });
});
