import { normalNoise } from '@latte-flow/core';
import { bootBackend, webgpuDevice } from '@latte-flow/runtime';
import { dispose, memory, tensor1d, tensor2d, type Tensor2D } from '@tensorflow/tfjs-core';
import { beforeAll, describe, expect } from 'vitest';

import { webgpuMissing, webgpuTest } from '../../../../tooling/test/webgpu.ts';
import { kernelFeatures, withKernels } from '../kernel/selection.ts';
import { product } from './index.ts';
import { matrixUnit } from './matrix-unit.ts';
import { matrixTilings, TILINGS, usableTilings, type ProductSize, type Tiling } from './tiling.ts';

import { tilingName } from './tuning-table.ts';
import { runCut } from './webgpu.ts';

const noise = (length: number, image: number): Float32Array => normalNoise(length, { seed: 11, image });

interface Orientation {
  readonly transposeA: boolean;
  readonly transposeB: boolean;
}

const orientations: readonly Orientation[] = [
  { transposeA: false, transposeB: true },
  { transposeA: false, transposeB: false },
  { transposeA: true, transposeB: false },
  { transposeA: true, transposeB: true },
];

/** The product in float64, and the largest sum of magnitudes, which bounds its rounding. */
function expectedProduct(
  a: Float32Array,
  b: Float32Array,
  { m, n, k, transposeA, transposeB }: ProductSize & Orientation,
) {
  const values = new Float64Array(m * n);
  let magnitude = 0;
  for (let row = 0; row < m; row++) {
    for (let column = 0; column < n; column++) {
      let [sum, absolute] = [0, 0];
      for (let i = 0; i < k; i++) {
        const term = a[transposeA ? i * m + row : row * k + i]! * b[transposeB ? column * k + i : i * n + column]!;
        sum += term;
        absolute += Math.abs(term);
      }
      values[row * n + column] = sum;
      magnitude = Math.max(magnitude, absolute);
    }
  }
  return { values, magnitude };
}

function operands({ m, n, k }: ProductSize, { transposeA, transposeB }: Orientation) {
  const [a, b] = [noise(m * k, 0), noise(k * n, 1)];
  return {
    a,
    b,
    left: tensor2d(a, transposeA ? [k, m] : [m, k]),
    right: tensor2d(b, transposeB ? [n, k] : [k, n]),
  };
}

async function worstError(
  result: Tensor2D,
  { values, magnitude }: ReturnType<typeof expectedProduct>,
): Promise<number> {
  const actual = await result.data();
  expect(actual.length).toBe(values.length);
  let worst = 0;
  values.forEach((value, i) => {
    const error = Math.abs(actual[i]! - value) / magnitude;
    worst = error <= worst ? worst : error; // NaN counts as worse
  });
  return worst;
}

/** Each operand is off by at most 2^-11 of itself. */
const HALF = 2 ** -10;
/** Half a unit of the last place for each of about log2(k) roundings on the way, with room. */
const FLOAT32 = 3e-7;

describe('products on WebGPU', () => {
  beforeAll(async () => {
    if (webgpuMissing === undefined) await bootBackend({ device: 'webgpu' });
  });

  const sizes: readonly ProductSize[] = [
    { m: 1, n: 1, k: 1 },
    { m: 1, n: 5, k: 8 },
    { m: 3, n: 7, k: 12 },
    { m: 5, n: 3, k: 7 },
    { m: 33, n: 31, k: 17 },
    { m: 36, n: 40, k: 260 },
    { m: 129, n: 67, k: 33 },
  ];
  for (const orientation of orientations) {
    const { transposeA, transposeB } = orientation;
    webgpuTest(`of any size, ${transposeA ? 'A^T' : 'A'} ${transposeB ? 'B^T' : 'B'}`, async () => {
      for (const size of sizes) {
        const before = memory().numTensors;
        const { a, b, left, right } = operands(size, orientation);
        const result = product(left, right, orientation);
        expect(result.shape).toEqual([size.m, size.n]);
        const expected = expectedProduct(a, b, { ...size, ...orientation });
        expect(await worstError(result, expected), JSON.stringify(size)).toBeLessThan(FLOAT32);
        dispose([left, right, result]);
        expect(memory().numTensors).toBe(before);
      }
    });
  }

  webgpuTest('by every tiling, whole and with the inner axis cut', async () => {
    const size = { m: 132, n: 136, k: 44 };
    const usable = usableTilings(webgpuDevice()!) as readonly Tiling[];
    expect(usable.length).toBeGreaterThanOrEqual(TILINGS.length - 1); // one takes more memory than every device has
    for (const [i, tiling] of usable.entries()) {
      const orientation = orientations[i % orientations.length]!;
      const { a, b, left, right } = operands(size, orientation);
      const expected = expectedProduct(a, b, { ...size, ...orientation });
      for (const pieces of [1, 3]) {
        const task = { ...orientation, precision: 'float32' } as const;
        const result = runCut(left, [right], { task, sizes: sizesOf(size), cut: { ...tiling, pieces } })[0]!;
        expect(await worstError(result, expected), nameOf(tiling, pieces)).toBeLessThan(FLOAT32);
        result.dispose();
      }
      dispose([left, right]);
    }
  });

  webgpuTest('with a bias and a residual, for few rows, many, and a cut inner axis', async () => {
    for (const size of [
      { m: 1, n: 9, k: 8 },
      { m: 4, n: 8, k: 16 },
      { m: 37, n: 6, k: 5 },
      { m: 8, n: 8, k: 1100 },
    ]) {
      const orientation = { transposeA: false, transposeB: true };
      const { a, b, left, right } = operands(size, orientation);
      const [biasValues, residualValues] = [noise(size.n, 2), noise(size.m * size.n, 3)];
      const bias = tensor1d(biasValues);
      const residual = tensor2d(residualValues, [size.m, size.n]);
      const expected = expectedProduct(a, b, { ...size, ...orientation });
      for (const added of [{ bias }, { residual }, { bias, residual }]) {
        const values = expected.values.map(
          (value, i) =>
            value + ('bias' in added ? biasValues[i % size.n]! : 0) + ('residual' in added ? residualValues[i]! : 0),
        );
        const result = product(left, right, { transposeB: true, ...added });
        expect(await worstError(result, { ...expected, values })).toBeLessThan(FLOAT32);
        result.dispose();
      }
      dispose([left, right, bias, residual]);
    }
  });

  webgpuTest('keep their bits from run to run, with subgroups and without', async () => {
    const { left, right } = operands({ m: 2, n: 64, k: 1024 }, { transposeA: false, transposeB: true });
    for (const without of [[], ['subgroups']] as const) {
      const run = () => withKernels({ without }, () => product(left, right, { transposeB: true }));
      const [first, second] = [run(), run()];
      expect(await second.data()).toEqual(await first.data());
      dispose([first, second]);
    }
    dispose([left, right]);
  });

  webgpuTest('with half-precision operands hold their error where the device has matrix units', async () => {
    const device = webgpuDevice()!;
    const unit = kernelFeatures()!.subgroupMatrix ? matrixUnit(device) : undefined;
    const size = { m: 36, n: 20, k: 44 };
    for (const orientation of orientations) {
      const { a, b, left, right } = operands(size, orientation);
      const expected = expectedProduct(a, b, { ...size, ...orientation });
      const task = { ...orientation, precision: 'float16' } as const;
      if (unit === undefined) {
        const result = product(left, right, task);
        expect(await worstError(result, expected)).toBeLessThan(FLOAT32);
        result.dispose();
      } else {
        for (const pieces of [1, 2]) {
          const cut = { ...matrixTilings(unit).at(-1)!, pieces };
          const result = runCut(left, [right], { task, sizes: sizesOf(size), cut })[0]!;
          const error = await worstError(result, expected);
          expect(error).toBeLessThan(HALF);
          expect(error).toBeGreaterThan(FLOAT32);
          result.dispose();
        }
      }
      dispose([left, right]);
    }
  });
});

describe('products by matrix units', () => {
  beforeAll(async () => {
    if (webgpuMissing === undefined) await bootBackend({ device: 'webgpu' });
  });

  // Tiles that lie whole in the result and tiles that do not, in each direction.
  const size = { m: 132, n: 136, k: 44 };
  const addends = ['nothing', 'bias', 'residual', 'bias and residual'] as const;
  for (const orientation of orientations) {
    const { transposeA, transposeB } = orientation;
    webgpuTest(
      `in every tiling, with what is added, ${transposeA ? 'A^T' : 'A'} ${transposeB ? 'B^T' : 'B'}`,
      async () => {
        const device = webgpuDevice()!;
        const unit = kernelFeatures()!.subgroupMatrix ? matrixUnit(device) : undefined;
        // Where there are none the plain tilings take their place, to the precision of float32.
        const tilings = unit === undefined ? usableTilings(device).slice(-1) : usableTilings(device, unit);
        const limit = unit === undefined ? FLOAT32 : HALF;
        const { a, b, left, right } = operands(size, orientation);
        const [biasValues, residualValues] = [noise(size.n, 2), noise(size.m * size.n, 3)];
        const [bias, residual] = [tensor1d(biasValues), tensor2d(residualValues, [size.m, size.n])];
        const expected = expectedProduct(a, b, { ...size, ...orientation });
        const before = memory().numTensors;
        const check = async (results: readonly Tensor2D[], added: string, name: string): Promise<void> => {
          const values = expected.values.map(
            (value, i) =>
              value +
              (added.includes('bias') ? biasValues[i % size.n]! : 0) +
              (added.includes('residual') ? residualValues[i]! : 0),
          );
          for (const result of results) {
            expect(await worstError(result, { ...expected, values }), name).toBeLessThan(limit);
            result.dispose();
          }
        };
        const half = { ...orientation, precision: 'float16' } as const;
        for (const [i, tiling] of tilings.entries()) {
          // Each tiling with one of them, the last, which compiles soonest, with all.
          const isLast = i === tilings.length - 1;
          for (const added of isLast ? addends : [addends[(i + orientations.indexOf(orientation)) % addends.length]!]) {
            const task = {
              ...half,
              ...(added.includes('bias') && { biases: [bias] }),
              ...(added.includes('residual') && { residual }),
            };
            for (const pieces of isLast ? [1, 2] : [1]) {
              const results = runCut(left, [right], { task, sizes: sizesOf(size), cut: { ...tiling, pieces } });
              await check(results, added, `${tilingName(tiling)}, ${added}, ${pieces} pieces`);
            }
          }
        }
        for (const pieces of [1, 2]) {
          const sizes = { m: size.m, k: size.k, ns: [size.n, size.n] };
          for (const biases of [undefined, [bias, bias]]) {
            const task = { ...half, ...(biases && { biases }) };
            const results = runCut(left, [right, right], { task, sizes, cut: { ...tilings.at(-1)!, pieces } });
            await check(
              results,
              biases ? 'bias' : 'nothing',
              `two sides, ${pieces} pieces, ${biases?.length ?? 0} biases`,
            );
          }
        }
        expect(memory().numTensors).toBe(before);
        dispose([left, right, bias, residual]);
      },
    );
  }
});

const sizesOf = ({ m, n, k }: ProductSize) => ({ m, k, ns: [n] });

function nameOf({ rows, columns, depth }: Tiling, pieces: number): string {
  return `${rows} x ${columns} x ${depth}, ${pieces} pieces`;
}
