import type { Tensor3D } from '@tensorflow/tfjs-core';

import { meanSquaredError } from '../mean-squared-error/index.ts';
import { sumRows, sumTokens } from '../reduction/index.ts';
import { conformanceCase, fixed, normal, type ConformanceCase } from './case.ts';
import * as reference from './reference.ts';

function sumRowsCase(x: readonly number[]): ConformanceCase {
  return conformanceCase({
    op: 'sumRows',
    name: `[${x.join(', ')}]`,
    inputs: { x: fixed(normal(x, { offset: 0.5 })) },
    run: ({ x }) => ({ sum: sumRows(x) }),
    reference: ({ x }) => ({ sum: reference.sumRows(x) }),
  });
}

function sumTokensCase(x: readonly number[]): ConformanceCase {
  return conformanceCase({
    op: 'sumTokens',
    name: `[${x.join(', ')}]`,
    inputs: { x: fixed(normal(x, { offset: 0.5 })) },
    run: ({ x }) => ({ sum: sumTokens(x as Tensor3D) }),
    reference: ({ x }) => ({ sum: reference.sumTokens(x) }),
  });
}

function meanSquaredErrorCase(shape: readonly number[], large = false): ConformanceCase {
  return conformanceCase({
    op: 'meanSquaredError',
    name: `[${shape.join(', ')}]`,
    large,
    inputs: { prediction: normal(shape), target: fixed(normal(shape)) },
    run: ({ prediction, target }) => ({ loss: meanSquaredError(prediction, target) }),
    reference: ({ prediction, target }) => ({ loss: reference.meanSquaredError(prediction, target) }),
  });
}

export const reductionCases: readonly ConformanceCase[] = [
  ...[[1], [7], [3, 1], [2, 5, 13], [67, 8]].map(sumRowsCase),
  ...[
    [1, 1, 1],
    [3, 5, 7],
    [2, 67, 12],
  ].map(sumTokensCase),
  ...[[], [1], [3, 5, 7], [2, 8]].map((shape) => meanSquaredErrorCase(shape)),
];

export const largeReductionCases: readonly ConformanceCase[] = [
  // Two stages; a column alone; columns of several tiles.
  ...[
    [8209, 1],
    [2053, 36],
    [521, 67],
  ].map(sumRowsCase),
  ...[[2, 1031, 5]].map(sumTokensCase),
  meanSquaredErrorCase([4099], true),
  meanSquaredErrorCase([3, 5, 1024], true),
];
