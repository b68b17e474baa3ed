import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { expect, test } from 'vitest';

import { timeDensityOf } from './time-density-config.ts';
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
    dtype: 'float32',
    microBatches: 1,
    finalLearningRate: 0,
    betas: [0.9, 0.99],
    workers: undefined,
    scenes: { plain: 0.5, pair: 0.1, splits: ['train'] },
    promptDropout: 0.1,
    timeDensity: { name: 'uniform', parameters: {}, shift: 1 },
  });
});

test.each([
  [{ task: 'sculpture' }, 'expected task to be one of captioning, flow, autoencoder, got "sculpture"'],
  [{ corpus: 7 }, 'expected corpus to be a path, got 7. Correct /runs/flow.json.'],
  [{ model: undefined }, 'expected model to be an object, got undefined'],
  [{ steps: 0 }, 'expected steps to be an integer >= 1, got 0'],
  [{ batch_size: undefined }, 'expected batch_size to be an integer >= 1, got undefined'],
  [{ dtype: 'int8' }, 'expected dtype to be one of float32, float16, got "int8"'],
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
  [{ time_density: { name: 'mode', mean: 0 } }, 'of time_density mode only the keys name, shift, scale, got mean'],
  [{ time_density: { name: 'logit_normal', std: 0 } }, 'logitNormalDensity: expected std'],
  [{ time_density: { name: 'mode', scale: 3 } }, 'modeDensity: expected scale'],
  [{ time_density: { name: 'beta', alpha: 'a' } }, 'expected time_density.alpha to be a finite number, got "a"'],
  [{ time_density: { shift: 0 } }, 'shiftedDensity: expected shift'],
  [{ batchSize: 4 }, 'got batchSize. Correct /runs/flow.json.'],
])('refuses %j', (change, message) => {
  expect(() => parseTrainingConfig({ ...least, ...change }, '/runs/flow.json')).toThrow(message);
});

test.each([
  [{ name: 'logit_normal', mean: 0.5 }, 0.5, 1 / (1 + Math.exp(-0.5))],
  [{ name: 'mode', scale: 0.81 }, 0.5, 0.5],
  [{ name: 'cosmap' }, 0.5, 0.5],
  [{ name: 'beta', alpha: 1, beta: 1 }, 0.3, 0.3],
  [{ name: 'beta' }, 0.125, 0.25],
  [{ name: 'pi0_beta' }, 0.875, 1 - (0.25 * 0.999 + 0.001)],
  [{ name: 'edm_skewed' }, 0.5, 1 / (1 + Math.exp(-1.2))],
  [{ shift: 3 }, 0.5, 0.75],
  [{ name: 'cosmap', shift: 3 }, 0.5, 0.75],
])('the time density %j', (time_density, u, t) => {
  const { timeDensity } = parseTrainingConfig({ ...least, time_density }, '/runs/flow.json');
  expect(structuredClone(timeDensity)).toEqual(timeDensity);
  expect(timeDensityOf(timeDensity).inverseCdf(u)).toBeCloseTo(t, 12);
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
