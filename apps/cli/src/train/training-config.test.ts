import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { expect, test } from 'vitest';

import { parseTrainingConfig, readTrainingConfig } from './training-config.ts';

const least = {
  task: 'flow',
  corpus: '../corpus',
  backbone: '/models/vlm',
  output: 'out',
  model: { num_groups: 2 },
  steps: 10,
  batch_size: 4,
  learning_rate: 1e-3,
};

test('fills in what is left out, and paths start at the folder of the file', () => {
  expect(parseTrainingConfig(least, '/runs/flow.json')).toMatchObject({
    corpus: '/corpus',
    backbone: '/models/vlm',
    output: '/runs/out',
    model: { num_groups: 2 },
    steps: 10,
    seed: 0,
    microBatches: 1,
    finalLearningRate: 0,
    betas: [0.9, 0.99],
    workers: undefined,
    scenes: { plain: 0.5, pair: 0.1, splits: ['train'] },
    promptDropout: 0.1,
    timeDensity: { name: 'uniform', mean: 0, std: 1 },
  });
});

test.each([
  [{ task: 'sculpture' }, 'expected task to be one of captioning, flow, got "sculpture"'],
  [{ corpus: 7 }, 'expected corpus to be a path, got 7. Correct /runs/flow.json.'],
  [{ model: undefined }, 'expected model to be an object, got undefined'],
  [{ steps: 0 }, 'expected steps to be an integer >= 1, got 0'],
  [{ batch_size: undefined }, 'expected batch_size to be an integer >= 1, got undefined'],
  [{ learning_rate: 'fast' }, 'expected learning_rate to be a finite number'],
  [{ betas: [0.9] }, 'expected betas to be two numbers'],
  [{ prompt_dropout: 2 }, 'expected prompt_dropout to be a finite number in [0, 1], got 2'],
  [{ workers: -1 }, 'expected workers to be an integer >= 0'],
  [{ scenes: [] }, 'expected scenes to be an object'],
  [{ scenes: { pairs: 0.1 } }, 'expected only the keys plain, pair, concepts, styles, splits, got pairs'],
  [{ scenes: { styles: [] } }, 'expected scenes.styles to be a list'],
  [{ scenes: { splits: ['test'] } }, 'expected scenes.splits[0] to be one of train, val, test-pair, test-concept'],
  [{ groups: [-1] }, 'expected groups[0] to be an integer >= 0'],
  [{ time_density: { name: 'cosine' } }, 'expected time_density.name to be one of uniform, logit_normal'],
  [{ batchSize: 4 }, 'got batchSize. Correct /runs/flow.json.'],
])('refuses %j', (change, message) => {
  expect(() => parseTrainingConfig({ ...least, ...change }, '/runs/flow.json')).toThrow(message);
});

test('refuses a file that is missing or no JSON', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'latte-config-'));
  try {
    const file = join(folder, 'train.json');
    await expect(readTrainingConfig(file)).rejects.toMatchObject({ code: 'file-not-found' });
    await writeFile(file, '{ "task": ');
    await expect(readTrainingConfig(file)).rejects.toThrow('expected JSON');
    await writeFile(file, '[]');
    await expect(readTrainingConfig(file)).rejects.toThrow('expected a JSON object');
  } finally {
    await rm(folder, { recursive: true });
  }
});
