import { mkdir, readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { parseDcAutoencoderConfig, serialiseDcAutoencoderConfig } from '@latte-flow/autoencoder';
import { initialiseDcParameters } from '@latte-flow/autoencoder/training';
import { encodeWeights } from '@latte-flow/checkpoint';
import { writeFolder } from '@latte-flow/checkpoint/node';
import { normalNoise } from '@latte-flow/core';
import { parseLatteFlowConfig, serialiseLatteFlowConfig } from '@latte-flow/model';
import { initialiseGenerationStream } from '@latte-flow/model/training';
import { initialiseParameters, parseVisionLanguageConfig, visionLanguageConfigToJson } from '@latte-flow/vlm';

const tokenizer = fileURLToPath(new URL('../../packages/emoji/checkpoint/vlm', import.meta.url));

const backbone = parseVisionLanguageConfig({
  model_type: 'qwen2_vl',
  hidden_size: 32,
  intermediate_size: 48,
  num_hidden_layers: 4,
  num_attention_heads: 2,
  num_key_value_heads: 1,
  vocab_size: 1280,
  max_position_embeddings: 64,
  rope_theta: 10000,
  rope_scaling: { type: 'mrope', mrope_section: [2, 3, 3] },
  tie_word_embeddings: true,
  bos_token_id: 1272,
  eos_token_id: 1274,
  vision_start_token_id: 1275,
  vision_end_token_id: 1276,
  image_token_id: 1278,
  vision_config: { depth: 1, embed_dim: 16, num_heads: 2, hidden_size: 32, patch_size: 8, spatial_merge_size: 2 },
});

const streamJson = {
  hidden_size: 32,
  intermediate_size: 48,
  num_layers: 4,
  num_heads: 2,
  num_kv_heads: 1,
  rope_theta: 10000,
  mrope_section: [2, 3, 3],
  latent_channels: 3,
  latent_size: 16,
  patch_size: 4,
  num_groups: 2,
  time_frequency_dim: 32,
};

/** A DC-AE of factor 4: pictures of 64 x 64 from latents of 16 x 16. */
const autoencoderConfig = parseDcAutoencoderConfig({
  _class_name: 'AutoencoderDC',
  latent_channels: 4,
  encoder_block_types: ['ResBlock', 'ResBlock', 'ResBlock'],
  decoder_block_types: ['ResBlock', 'ResBlock', 'ResBlock'],
  encoder_block_out_channels: [4, 8, 8],
  decoder_block_out_channels: [4, 8, 8],
  encoder_layers_per_block: [0, 1, 1],
  decoder_layers_per_block: [0, 1, 1],
  encoder_qkv_multiscales: [[], [], []],
  decoder_qkv_multiscales: [[], [], []],
  decoder_norm_types: 'rms_norm',
  decoder_act_fns: 'silu',
  scaling_factor: 0.5,
});

function autoencoderFiles(): Record<string, string | Uint8Array> {
  const weights = initialiseDcParameters(autoencoderConfig, 4);
  const files = [...encodeWeights(weights)].map(([file, bytes]) => [`autoencoder/${file}`, bytes] as const);
  return {
    'autoencoder/config.json': JSON.stringify(serialiseDcAutoencoderConfig(autoencoderConfig)),
    ...Object.fromEntries(files),
  };
}

/**
 * Writes a LaTtE-Flow checkpoint of random weights (0.6 MB) with the shipped tokenizer; pictures are coloured noise.
 * @param latents of an autoencoder in the checkpoint; default pixels
 */
export async function writeTinyCheckpoint(folder: string, { latents = false } = {}): Promise<void> {
  const latentChannels = latents ? autoencoderConfig.latentChannels : 3;
  const stream = parseLatteFlowConfig({ ...streamJson, latent_channels: latentChannels });
  const vlm = initialiseParameters(backbone, 1);
  const parameters = initialiseGenerationStream(stream, { seed: 2, backbone: vlm });
  for (const [i, name] of [...parameters.keys()].entries()) {
    // What starts at zero would hide everything behind it: attention, MLP, gates, prompt and time.
    if (!/modulation|residual_gate|^head\./.test(name)) continue;
    const { shape, values } = parameters.get(name)!;
    parameters.set(name, { shape, values: normalNoise(values.length, { seed: 3, image: i }).map((x) => 0.1 * x) });
  }
  const json = (value: unknown): string => JSON.stringify(value, null, 1);
  await mkdir(dirname(folder), { recursive: true });
  await writeFolder(folder, {
    'config.json': json(serialiseLatteFlowConfig(stream)),
    ...Object.fromEntries(encodeWeights(parameters)),
    ...(latents && autoencoderFiles()),
    'vlm/config.json': json(visionLanguageConfigToJson(backbone)),
    'vlm/preprocessor_config.json': json({ patch_size: 8, merge_size: 2, min_pixels: 256, max_pixels: 4096 }),
    'vlm/tokenizer.json': await readFile(join(tokenizer, 'tokenizer.json')),
    'vlm/tokenizer_config.json': await readFile(join(tokenizer, 'tokenizer_config.json')),
    ...Object.fromEntries([...encodeWeights(vlm)].map(([file, bytes]) => [`vlm/${file}`, bytes])),
  });
}
