import { encodeSafetensors, type EncodableTensor, type FileStore } from '@latte-flow/checkpoint';
import { LatteFlowError } from '@latte-flow/core';
import { bootBackend } from '@latte-flow/runtime';
import { memory } from '@tensorflow/tfjs-core';
import { afterEach, beforeAll, beforeEach, expect, test } from 'vitest';

import { DcAutoencoder } from './dc-autoencoder.ts';
import { parseDcAutoencoderConfig } from './dc/dc-config.ts';
import { dcParameterShapes } from './dc/parameter-shapes.ts';
import { decodeLatentFile, encodeLatentFile, requireLatentsOf, type LatentFile } from './latent-file.ts';
import { loadAutoencoder } from './load-autoencoder.ts';
import { randomParameters, tinyDcAutoencoder, tinyDcJson, tinyTinyAutoencoder } from './testing/tiny-models.ts';
import { TinyAutoencoder } from './tiny-autoencoder.ts';
import { parseTinyAutoencoderConfig, serialiseTinyAutoencoderConfig } from './tiny/tiny-config.ts';
import { tinyParameterShapes } from './tiny/tiny-layers.ts';

beforeAll(() => bootBackend({ device: 'cpu' }));

let tensors: number;
beforeEach(() => {
  tensors = memory().numTensors;
});
afterEach(() => expect(memory().numTensors).toBe(tensors));

function storeOf(files: Readonly<Record<string, Uint8Array>>): FileStore {
  return {
    location: 'memory',
    exists: async (path) => path in files,
    async read(path) {
      const found = files[path];
      if (found !== undefined) return found;
      throw new LatteFlowError('file-not-found', { where: 'read', expected: path, got: 'none', remedy: '' });
    },
  };
}

const jsonBytes = (value: unknown): Uint8Array => new TextEncoder().encode(JSON.stringify(value));
const values = randomParameters(dcParameterShapes(parseDcAutoencoderConfig(tinyDcJson())));
const weights = encodeSafetensors(values);

test.each(['model.safetensors', 'diffusion_pytorch_model.safetensors'])('loads a DC-AE from %s', async (name) => {
  // As PyTorch saves batch norm.
  const counted = new Map<string, EncodableTensor>([
    ...values,
    ['decoder.up_blocks.1.1.norm.num_batches_tracked', { shape: [], values: new BigInt64Array(1) }],
  ]);
  const store = storeOf({ 'config.json': jsonBytes(tinyDcJson()), [name]: encodeSafetensors(counted) });
  using model = await loadAutoencoder(store);
  expect(model).toBeInstanceOf(DcAutoencoder);
  expect(model.parameters.names()).toHaveLength(values.size);
});

test('loads from the subfolder of a pipeline, and a tiny one by its class', async () => {
  using made = tinyTinyAutoencoder();
  const json = serialiseTinyAutoencoderConfig(made.config);
  expect(parseTinyAutoencoderConfig(json)).toEqual(made.config);
  const store = storeOf({
    'vae/config.json': jsonBytes(json),
    'vae/diffusion_pytorch_model.safetensors': encodeSafetensors(await made.parameters.download()),
  });
  using model = await loadAutoencoder(store, { subfolder: 'vae' });
  expect(model).toBeInstanceOf(TinyAutoencoder);
  expect(model).toMatchObject({ factor: 4, latentChannels: 4, config: made.config });
});

test('TAESD has the tensors of the published checkpoint', () => {
  const shapes = tinyParameterShapes(parseTinyAutoencoderConfig({}));
  expect(shapes.size).toBe(134);
  expect(shapes.get('encoder.layers.2.weight')).toEqual([64, 64, 3, 3]);
  expect([...shapes.keys()]).toEqual(
    expect.arrayContaining(['encoder.layers.14.bias', 'decoder.layers.18.bias', 'decoder.layers.17.conv.4.bias']),
  );
  for (const missing of ['encoder.layers.2.bias', 'decoder.layers.16.bias', 'decoder.layers.1.weight']) {
    expect(shapes.has(missing)).toBe(false);
  }
});

test.each([
  [{ _class_name: 'AutoencoderKL' }, 'unsupported'],
  [{}, 'unsupported'],
  [tinyDcJson({ latent_channels: -1 }), 'checkpoint-invalid'],
  [tinyDcJson({ attention_head_dim: 8 }), 'checkpoint-mismatch'],
])('refuses the config %j without a tensor left', async (json, code) => {
  const store = storeOf({ 'config.json': jsonBytes(json), 'model.safetensors': weights });
  await expect(loadAutoencoder(store)).rejects.toMatchObject({ code });
});

test.each([
  [{ encoder_block_out_channels: [64, 32, 64, 64] }, 'block_out_channels to be equal'],
  [{ num_encoder_blocks: [1] }, 'num_encoder_blocks to have 4 entries'],
  [{ upsampling_scaling_factor: 4 }, 'upsampling_scaling_factor to be 2'],
  [{ out_channels: 1 }, 'out_channels to equal in_channels'],
  [{ act_fn: 'mish' }, 'act_fn to be one of'],
])('a tiny autoencoder: refuses %j', (json, message) => {
  expect(() => parseTinyAutoencoderConfig(json)).toThrow(message);
});

const latents: LatentFile = {
  values: new Float32Array([1, 2, 3, 4]),
  shape: [1, 4, 1, 1],
  model: 'owner/name',
  scalingFactor: 0.5,
  factor: 4,
  width: 3,
  height: 4,
};

test('a file of latents keeps what made them, and latents of another model are refused', () => {
  const read = decodeLatentFile(encodeLatentFile(latents));
  expect(read).toEqual(latents);
  using model = tinyDcAutoencoder();
  requireLatentsOf(read, model);
  for (const change of [{ scalingFactor: 0.25 }, { factor: 8 }, { shape: [1, 2, 2, 1] }]) {
    expect(() => requireLatentsOf({ ...latents, ...change }, model)).toThrow('the model that made them, owner/name');
  }
});

test('another file than one of latents is refused', () => {
  expect(() => decodeLatentFile(weights)).toThrow('a file of latents');
  expect(() => decodeLatentFile(encodeLatentFile({ ...latents, factor: -1 }))).toThrow('factor to be above 0');
  expect(() => decodeLatentFile(encodeLatentFile({ ...latents, shape: [4] }))).toThrow(
    'expected latents [B, C, h, w], got [4]',
  );
  expect(() => decodeLatentFile(new Uint8Array(3))).toThrow(LatteFlowError);
});
