import { bootBackend } from '@latte-flow/runtime';
import { beforeAll, expect, test } from 'vitest';

import { adapterConforms } from '../testing/adapter-conformance.ts';
import { tinyModels } from '../testing/tiny-models.ts';
import { adapterOf, KNOWN_MODEL_TYPES, parseVisionLanguageConfig } from './registry.ts';

beforeAll(async () => {
  await bootBackend({ device: 'wasm' });
});

test('every known architecture has a tiny model', () => {
  expect(Object.keys(tinyModels).toSorted()).toEqual([...KNOWN_MODEL_TYPES].toSorted());
});

test('an unknown model_type lists the known ones', () => {
  for (const json of [{ model_type: 'llava' }, {}, null, 'text']) {
    expect(() => parseVisionLanguageConfig(json)).toThrow(`one of ${KNOWN_MODEL_TYPES.join(', ')}`);
  }
  expect(() => adapterOf({ modelType: 3 })).toThrow(expect.objectContaining({ code: 'unsupported' }));
});

for (const [modelType, files] of Object.entries(tinyModels)) adapterConforms(modelType, files);
