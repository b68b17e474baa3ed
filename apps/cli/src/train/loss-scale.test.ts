import { expect, test } from 'vitest';

import { lossScale } from './loss-scale.ts';
import { parseTrainingConfig } from './training-config.ts';

const scaleOf = (changed: object) =>
  lossScale(
    parseTrainingConfig(
      { task: 'flow', corpus: 'c', backbone: 'b', output: 'o', model: {}, steps: 1, learning_rate: 1, ...changed },
      '/runs/train.json',
    ),
  );

test('half precision scales the loss by about the numbers that it is a mean of, float32 not at all', () => {
  expect(scaleOf({ batch_size: 256 })).toBe(1);
  expect(scaleOf({ batch_size: 256, dtype: 'float16' })).toBe(2 ** 18);
  expect(scaleOf({ batch_size: 1, dtype: 'float16' })).toBe(2 ** 10);
  expect(scaleOf({ batch_size: 128, dtype: 'float16', task: 'captioning' })).toBe(2 ** 10);
  expect(scaleOf({ batch_size: 1, dtype: 'float16', task: 'captioning' })).toBe(8);
});
