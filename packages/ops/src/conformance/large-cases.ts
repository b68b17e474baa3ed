import type { ConformanceCase } from './case.ts';
import { largeElementwiseCases } from './elementwise-cases.ts';
import { largeNormCases } from './norm-cases.ts';
import { largeReductionCases } from './reduction-cases.ts';
import { largeTokenCases } from './token-cases.ts';

/** Sizes of several tiles, stages and turns of a kernel, for variants that have kernels. */
export const largeCases: readonly ConformanceCase[] = [
  ...largeNormCases,
  ...largeElementwiseCases,
  ...largeReductionCases,
  ...largeTokenCases,
];
