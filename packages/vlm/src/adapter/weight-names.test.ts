import { expect, test } from 'vitest';

import { renameWeights } from './weight-names.ts';

const spellings = [['model.language_model.', 'model.']] as const;

test('the head of a tied model is dropped, of an untied one kept', () => {
  const weights = [
    ['lm_head.weight', 1],
    ['visual.x', 2],
    ['model.norm.weight', 3],
  ] as const;
  expect([...renameWeights(weights, { spellings, tied: true }).keys()]).toEqual(['visual.x', 'model.norm.weight']);
  expect(renameWeights(weights, { spellings, tied: false }).size).toBe(3);
});

test('one parameter under two names is refused', () => {
  const weights = [
    ['model.norm.weight', 1],
    ['model.language_model.norm.weight', 2],
  ] as const;
  expect(() => renameWeights(weights, { spellings, tied: true })).toThrow('model.norm.weight under two names');
});
