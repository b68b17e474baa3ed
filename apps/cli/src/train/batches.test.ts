import { mkdtemp, rm, truncate } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { drawTimes } from '@latte-flow/schedulers/training';
import type { CaptionBatch } from '@latte-flow/vlm/training';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { writeTinyTraining, type TinyTraining } from '../../../../test/models/tiny-training.ts';
import { openBatchPool } from './batch-pool.ts';
import type { FlowHostBatch } from './flow-batches.ts';
import { hostBatches, type HostBatch } from './host-batches.ts';
import { timeDensityOf } from './time-density-config.ts';
import { parseTrainingConfig, type TrainingConfig } from './training-config.ts';

let root: string;
let tiny: TinyTraining;
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'latte-batches-'));
  tiny = await writeTinyTraining(root);
});
afterAll(() => rm(root, { recursive: true }));

type Task = TrainingConfig['task'];

function configOf(task: Task, change: Record<string, unknown> = {}): TrainingConfig {
  return parseTrainingConfig({ ...tiny.configs[task], ...change }, join(root, 'train.json'));
}

async function take(config: TrainingConfig, indices: readonly number[]): Promise<HostBatch[]> {
  await using pool = await openBatchPool(config);
  const batches: HostBatch[] = [];
  for (const index of indices) batches.push(await pool.take(index));
  return batches;
}

describe.each<Task>(['captioning', 'flow', 'autoencoder'])('%s', (task) => {
  test('a batch is a pure function of its index, whichever thread draws it', async () => {
    const inline = await take(configOf(task), [0, 1, 2, 3]);
    expect(inline[0]).not.toEqual(inline[1]);
    expect(await take(configOf(task, { workers: 2 }), [0, 1, 2, 3])).toEqual(inline);
    // As after a resume: another first index.
    expect(await take(configOf(task, { workers: 1 }), [2, 3])).toEqual(inline.slice(2));
    expect(await take(configOf(task, { seed: 6 }), [0])).not.toEqual([inline[0]]);
  });
});

test('captioning: every text_every-th batch is text alone', async () => {
  const batches = (await take(configOf('captioning'), [0, 1, 2, 3, 4, 5])) as CaptionBatch[];
  expect(batches.map(({ inputs }) => inputs.grids.length)).toEqual([2, 2, 0, 2, 2, 0]);
});

describe('flow', () => {
  test('groups take turns, and times lie in the interval of the group', async () => {
    const batches = (await take(configOf('flow'), [0, 1, 2, 3])) as FlowHostBatch[];
    expect(batches.map(({ group }) => group)).toEqual([0, 1, 0, 1]);
    for (const { group, times } of batches) {
      expect([...times].every((t) => t >= group / 2 && t < (group + 1) / 2)).toBe(true);
    }
  });

  test.each([
    { name: 'mode', scale: 0.81 },
    { name: 'cosmap', shift: 3 },
    { name: 'pi0_beta' },
    { name: 'edm_skewed' },
  ])('times are drawn from %j, in threads too', async (time_density) => {
    const config = configOf('flow', { time_density, workers: 1 });
    const [batch] = (await take(config, [1])) as FlowHostBatch[];
    const [plain] = (await take(configOf('flow'), [1])) as FlowHostBatch[]; // uniform: times are the uniforms, scaled
    const uniforms = plain!.times.map((t) => 2 * t - 1);
    const expected = drawTimes(timeDensityOf(config.timeDensity), { uniforms, interval: [0.5, 1] });
    expect(batch!.times).not.toEqual(plain!.times);
    batch!.times.forEach((t, i) => expect(t).toBeCloseTo(expected[i]!, 12));
  });

  test('a group sees the same batches whichever groups are trained beside it', async () => {
    const together = await take(configOf('flow'), [0, 1, 2, 3, 4, 5]);
    expect(await take(configOf('flow', { groups: [1] }), [0, 1, 2])).toEqual([together[1], together[3], together[5]]);
    expect(await take(configOf('flow', { groups: [0] }), [0, 1, 2])).toEqual([together[0], together[2], together[4]]);
  });

  test('scenes keep to the concepts and styles asked for; an unknown concept is refused', async () => {
    const captions = new Set<string>();
    const config = configOf('flow', { scenes: { concepts: ['red square'], styles: ['flat'], plain: 1, pair: 0 } });
    for (const index of [0, 1, 2, 3]) captions.add(((await hostBatches(config))(index) as FlowHostBatch).images.join());
    expect(captions.size).toBe(1);
    const unknown = configOf('flow', { scenes: { concepts: ['violet square'] } });
    await expect(hostBatches(unknown)).rejects.toThrow(
      'scenes.concepts to be labels of the corpus, got "violet square"',
    );
  });

  test('a share of the prompts is the null prompt', async () => {
    const share = 0.25;
    const count = 400;
    const prompts = async (promptDropout: number) => {
      const config = configOf('flow', { batch_size: count, prompt_dropout: promptDropout });
      const { ids, mask, length } = ((await hostBatches(config))(0) as FlowHostBatch).inputs;
      return Array.from({ length: count }, (_, i) =>
        ids
          .subarray(i * length, (i + 1) * length)
          .filter((_id, at) => mask[i * length + at] !== 0)
          .join(),
      );
    };
    const [none, some, all] = [await prompts(0), await prompts(share), await prompts(1)];
    const nullPrompt = all[0]!;
    expect([new Set(all).size, none.includes(nullPrompt)]).toEqual([1, false]);
    const dropped = some.filter((prompt) => prompt === nullPrompt);
    expect(some.filter((prompt, i) => prompt === none[i])).toHaveLength(count - dropped.length);
    // Four standard deviations of a binomial draw.
    expect(Math.abs(dropped.length / count - share)).toBeLessThan(4 * Math.sqrt((share * (1 - share)) / count));
  });

  test('refuses latents that are not the pixels of a scene', async () => {
    const model = { ...(tiny.configs.flow['model'] as object), latent_size: 32 };
    await expect(openBatchPool(configOf('flow', { model }))).rejects.toMatchObject({ code: 'shape-mismatch' });
  });
});

test('a missing or broken corpus is refused before a thread starts', async () => {
  await expect(openBatchPool(configOf('flow', { corpus: 'nowhere', workers: 1 }))).rejects.toThrow('npm run corpus');
  const other = join(root, 'broken');
  await writeTinyTraining(other);
  await truncate(join(other, 'corpus/sprites.bin'), 100);
  const broken = configOf('flow', { corpus: join(other, 'corpus'), workers: 1 });
  await expect(openBatchPool(broken)).rejects.toMatchObject({ code: 'checkpoint-invalid' });
});

test('a thread that dies fails the batches that were asked for, and all later ones', async () => {
  const other = join(root, 'vanishing');
  await writeTinyTraining(other);
  const config = configOf('flow', { corpus: join(other, 'corpus'), workers: 2 });
  await using pool = await openBatchPool(config);
  // Gone before the threads, which have just been started, read it.
  await rm(join(other, 'corpus'), { recursive: true });
  for (const index of [0, 1, 2, 40]) {
    await expect(pool.take(index)).rejects.toThrow(
      /a thread that draws batches stopped: readCorpus: expected a corpus/,
    );
  }
});
