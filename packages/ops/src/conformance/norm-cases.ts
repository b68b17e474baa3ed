import { layerNorm } from '../layer-norm/index.ts';
import { gatedRmsNormAdd, modulatedRmsNorm } from '../modulated-norm/index.ts';
import { rmsNorm } from '../rms-norm/index.ts';
import { conformanceCase, normal, type ConformanceCase } from './case.ts';
import * as reference from './reference.ts';

interface NormDraft {
  readonly name: string;
  readonly x: readonly number[];
  readonly scale?: number;
  readonly offset?: number;
  readonly cancelling?: number;
  readonly large?: boolean;
}

const EPS = 1e-6;

function rmsNormCase({ x, scale, offset, ...rest }: NormDraft): ConformanceCase {
  return conformanceCase({
    op: 'rmsNorm',
    ...rest,
    inputs: { x: normal(x, { scale, offset }), weight: normal([x.at(-1)!]) },
    run: ({ x, weight }) => ({ y: rmsNorm(x, weight, EPS) }),
    reference: ({ x, weight }) => ({ y: reference.rmsNorm(x, weight, EPS) }),
  });
}

function layerNormCase({ x, scale, offset, ...rest }: NormDraft): ConformanceCase {
  return conformanceCase({
    op: 'layerNorm',
    ...rest,
    inputs: { x: normal(x, { scale, offset }), weight: normal([x.at(-1)!]), bias: normal([x.at(-1)!]) },
    run: ({ x, weight, bias }) => ({ y: layerNorm(x, weight, bias, EPS) }),
    reference: ({ x, weight, bias }) => ({ y: reference.layerNorm(x, weight, bias, EPS) }),
  });
}

/** x is [B, N, D]. */
function modulatedRmsNormCase({ x, scale, offset, ...rest }: NormDraft): ConformanceCase {
  const channels = [x[0]!, x[2]!];
  return conformanceCase({
    op: 'modulatedRmsNorm',
    ...rest,
    inputs: {
      x: normal(x, { scale, offset }),
      weight: normal([x[2]!]),
      scale: normal(channels),
      shift: normal(channels),
    },
    run: ({ x, weight, scale, shift }) => ({ y: modulatedRmsNorm(x, weight, scale, shift, EPS) }),
    reference: ({ x, weight, scale, shift }) => ({
      y: reference.modulate(reference.rmsNorm(x, weight, EPS), scale, shift),
    }),
  });
}

/** x is [B, N, D]. */
function gatedRmsNormAddCase({ x, scale, offset, ...rest }: NormDraft): ConformanceCase {
  return conformanceCase({
    op: 'gatedRmsNormAdd',
    ...rest,
    inputs: {
      x: normal(x),
      scale: normal([x[0]!, x[2]!]),
      y: normal(x, { scale, offset }),
      weight: normal([x[2]!]),
    },
    run: ({ x, scale, y, weight }) => ({ z: gatedRmsNormAdd(x, scale, y, weight, EPS) }),
    reference: ({ x, scale, y, weight }) => ({ z: reference.gatedAdd(x, scale, reference.rmsNorm(y, weight, EPS)) }),
  });
}

const rows: readonly NormDraft[] = [
  { name: 'primes', x: [2, 3, 13] },
  { name: 'four channels at once', x: [3, 12] },
  { name: 'one row', x: [7] },
  { name: 'values below eps', x: [3, 11], scale: 1e-4 },
  { name: 'large values', x: [3, 11], scale: 1e4 },
];

const members: readonly NormDraft[] = [
  { name: 'primes', x: [3, 5, 7] },
  { name: 'four channels at once', x: [2, 3, 8] },
  { name: 'one token, one member', x: [1, 1, 5] },
  { name: 'values below eps', x: [2, 3, 5], scale: 1e-4 },
  { name: 'large values', x: [2, 3, 5], scale: 1e4 },
];

export const normCases: readonly ConformanceCase[] = [
  ...rows.map(rmsNormCase),
  rmsNormCase({ name: 'wider than a workgroup', x: [1, 263] }),
  rmsNormCase({ name: 'a width of one', x: [5, 1], cancelling: 1 }),
  ...rows.map(layerNormCase),
  layerNormCase({ name: 'a width of one', x: [5, 1], cancelling: 1e3 }),
  layerNormCase({ name: 'a mean of ten deviations', x: [3, 11], offset: 10 }),
  ...members.map(modulatedRmsNormCase),
  ...members.map(gatedRmsNormAddCase),
];

const large = true;

export const largeNormCases: readonly ConformanceCase[] = [
  rmsNormCase({ name: 'more rows than a workgroup takes at once', x: [19, 2], large }),
  rmsNormCase({ name: 'several chunks a lane', x: [3, 1284], large }),
  rmsNormCase({ name: 'a width over four elements at 256 lanes', x: [2, 1031], large }),
  layerNormCase({ name: 'several chunks a lane', x: [3, 1284], large }),
  layerNormCase({ name: 'more rows than a workgroup takes at once', x: [19, 5], large }),
  modulatedRmsNormCase({ name: 'several slabs a member', x: [2, 19, 36], large }),
  gatedRmsNormAddCase({ name: 'several slabs a member', x: [2, 19, 36], large }),
];
