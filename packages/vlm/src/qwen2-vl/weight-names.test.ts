import { expect, test } from 'vitest';

import { canonicalWeights } from './weight-names.ts';

test('the head of a tied model is dropped, of an untied one kept', () => {
  const weights = [
    ['lm_head.weight', 1],
    ['visual.x', 2],
    ['model.norm.weight', 3],
  ] as const;
  expect([...canonicalWeights(weights, { tied: true }).keys()]).toEqual(['visual.x', 'model.norm.weight']);
  expect(canonicalWeights(weights, { tied: false }).size).toBe(3);
});

test('one parameter under two names is refused', () => {
  const weights = [
    ['model.norm.weight', 1],
    ['model.language_model.norm.weight', 2],
  ] as const;
  expect(() => canonicalWeights(weights, { tied: true })).toThrow('model.norm.weight under two names');
});
