import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { formatCorpus } from '@latte-flow/cli/corpus';

import { syntheticCorpus } from '../../apps/cli/src/corpus/synthetic-corpus.ts';
import { writeTinyCheckpoint } from './tiny-checkpoint.ts';

const colours = { red: [220, 40, 40, 255], green: [40, 200, 60, 255], blue: [40, 60, 220, 255] } as const;

async function writeCorpus(folder: string): Promise<void> {
  const corpus = syntheticCorpus(
    Object.entries(colours).flatMap(([name, colour]) =>
      ['noto', 'flat'].map((style) => ({ label: `${name} square`, style, colour })),
    ),
  );
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, 'corpus.json'), formatCorpus(corpus));
  await writeFile(join(folder, 'sprites.bin'), corpus.pixels);
}

export interface TinyTraining {
  /** Training configs as they stand in a file, by task; six steps of two pictures. */
  readonly configs: Readonly<Record<'captioning' | 'flow' | 'autoencoder', Readonly<Record<string, unknown>>>>;
  /** Writes a config with some fields changed, and names its file. */
  write(name: string, config: Readonly<Record<string, unknown>>): Promise<string>;
}

/** A corpus of coloured squares, a tiny backbone, and configs that train over them in seconds. */
export async function writeTinyTraining(folder: string): Promise<TinyTraining> {
  await writeCorpus(join(folder, 'corpus'));
  await writeTinyCheckpoint(join(folder, 'model'));
  const model: unknown = JSON.parse(await readFile(join(folder, 'model/vlm/config.json'), 'utf8'));
  const shared = {
    seed: 5,
    corpus: 'corpus',
    backbone: 'model/vlm',
    steps: 6,
    batch_size: 2,
    learning_rate: 1e-3,
    ema_decay: 0.5,
    log_every: 1,
    save_every: 3,
    workers: 0,
  };
  return {
    configs: {
      captioning: {
        ...shared,
        task: 'captioning',
        output: 'captioning',
        model: { ...(model as object), max_position_embeddings: 128 },
        corruption: 0.5,
        text_every: 3,
      },
      flow: {
        ...shared,
        task: 'flow',
        output: 'flow',
        model: {
          hidden_size: 32,
          intermediate_size: 48,
          num_layers: 4,
          num_heads: 2,
          num_kv_heads: 1,
          rope_theta: 10000,
          mrope_section: [2, 3, 3],
          latent_channels: 3,
          latent_size: 64,
          patch_size: 16,
          num_groups: 2,
          time_frequency_dim: 32,
        },
        prompt_dropout: 0.25,
      },
      autoencoder: {
        ...shared,
        task: 'autoencoder',
        output: 'autoencoder',
        model: {
          latent_channels: 4,
          attention_head_dim: 4,
          encoder_block_types: ['ResBlock', 'ResBlock', 'EfficientViTBlock'],
          decoder_block_types: ['ResBlock', 'ResBlock', 'EfficientViTBlock'],
          encoder_block_out_channels: [8, 8, 8],
          decoder_block_out_channels: [8, 8, 8],
          encoder_layers_per_block: [0, 1, 1],
          decoder_layers_per_block: [0, 1, 1],
          encoder_qkv_multiscales: [[], [], []],
          decoder_qkv_multiscales: [[], [], []],
        },
      },
    },
    async write(name, config) {
      const file = join(folder, `${name}.json`);
      await writeFile(file, JSON.stringify(config));
      return file;
    },
  };
}
