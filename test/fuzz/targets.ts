import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

import {
  convertWeights,
  encodeSafetensors,
  isFloating,
  openWeights,
  parseSafetensors,
  readJson,
  readTensors,
  readWeights,
  toFloat32,
  toIntegers,
  weightDtypes,
  type FileStore,
} from '@latte-flow/checkpoint';
import { normalNoise } from '@latte-flow/core';
import { generationStreamShapes, parseLatteFlowConfig } from '@latte-flow/model';
import {
  adapterOf,
  createTokenizer,
  parameterShapes,
  parseVisionLanguageConfig,
  type JsonObject,
} from '@latte-flow/vlm';

import type { Draws } from './draws.ts';
import { memoryStore } from './memory-store.ts';
import { mutateBytes } from './mutate-bytes.ts';
import { mutateJson } from './mutate-json.ts';

/** One reader or parser with files that it accepts, and how a case damages and reads them. */
export interface Target {
  readonly name: string;
  readonly run: (draws: Draws) => Promise<void>;
}

const text = (value: string): Uint8Array => new TextEncoder().encode(value);
const jsonOf = (path: string): JsonObject =>
  JSON.parse(readFileSync(fileURLToPath(new URL(`../../${path}`, import.meta.url)), 'utf8')) as JsonObject;

/** A damaged JSON file: by its values, or by its bytes. */
function damagedJson(value: unknown, draws: Draws): Uint8Array {
  return draws.unit() < 0.75 ? text(mutateJson(value, draws)) : mutateBytes(text(JSON.stringify(value)), draws);
}

/** A damaged safetensors file: any byte, or the header's values. */
function damagedWeights(file: Uint8Array, draws: Draws): Uint8Array {
  if (draws.unit() < 0.5) return mutateBytes(file, draws);
  const length = Number(new DataView(file.buffer, file.byteOffset).getBigUint64(0, true));
  const header = text(mutateJson(JSON.parse(new TextDecoder().decode(file.subarray(8, 8 + length))), draws));
  const out = new Uint8Array(8 + header.length + file.length - 8 - length);
  new DataView(out.buffer).setBigUint64(0, BigInt(header.length), true);
  out.set(header, 8);
  out.set(file.subarray(8 + length), 8 + header.length);
  return out;
}

const values = normalNoise(6 * 40, { seed: 1 });
const weights = encodeSafetensors([
  ['layers.0.weight', { shape: [6, 40], values }],
  ['layers.0.bias', { shape: [6], values: values.slice(0, 6) }],
  ['ids', { shape: [3], values: new Int32Array([1, 2, 3]) }],
  ['half', { dtype: 'F16', shape: [2, 2], bytes: new Uint8Array(8) }],
  ['wide', { dtype: 'BF16', shape: [3], bytes: new Uint8Array(6) }],
  ['empty', { shape: [0, 4], values: new Float32Array(0) }],
]);

const shards = {
  'x-1.safetensors': encodeSafetensors([['a', { shape: [2, 3], values: values.slice(0, 6) }]]),
  'x-2.safetensors': encodeSafetensors([['b', { shape: [4], values: values.slice(0, 4) }]]),
};
const index = { metadata: { total_size: 40 }, weight_map: { a: 'x-1.safetensors', b: 'x-2.safetensors' } };

/** An int4 folder, as it is written. */
async function quantised(): Promise<{ file: Uint8Array; config: object }> {
  const { tensors } = await openWeights(memoryStore({ 'model.safetensors': weights }));
  const { files, config } = convertWeights(tensors, { dtype: { 'layers.*': 'int4', '*': 'int8' } });
  const file = new Uint8Array(16384);
  let end = 0;
  const content = files.get('model.safetensors');
  if (typeof content !== 'function') throw new Error('One file of weights was expected.');
  await content(async (bytes, position) => {
    file.set(bytes, position);
    end = Math.max(end, position + bytes.length);
  });
  return { file: file.slice(0, end), config };
}
const packed = await quantised();

async function readAll(store: FileStore, draws: Draws): Promise<void> {
  const opened = await openWeights(store);
  const dtype = draws.pick([undefined, ...weightDtypes]);
  const floating = [...opened.tensors].filter(([, tensor]) => isFloating(tensor));
  for await (const [, tensor] of readTensors(floating, { dtype })) {
    if ('codes' in tensor) tensor.dequantise();
  }
  await readWeights(store);
}

const qwen2 = jsonOf('test/fixtures/vlm/qwen2vl/config.json');
const configs: readonly JsonObject[] = [
  qwen2,
  jsonOf('test/fixtures/vlm/qwen2vl/config_v5.json'),
  jsonOf('packages/emoji/checkpoint/vlm/config.json'),
  {
    ...qwen2,
    model_type: 'qwen2_5_vl',
    vision_config: {
      depth: 4,
      hidden_size: 32,
      num_heads: 2,
      intermediate_size: 64,
      out_hidden_size: 64,
      patch_size: 14,
      spatial_merge_size: 2,
      temporal_patch_size: 2,
      window_size: 112,
      fullatt_block_indexes: [1, 3],
    },
  },
  {
    model_type: 'idefics3',
    image_token_id: 90,
    scale_factor: 2,
    text_config: {
      hidden_size: 32,
      intermediate_size: 64,
      num_hidden_layers: 2,
      num_attention_heads: 2,
      num_key_value_heads: 1,
      vocab_size: 100,
      bos_token_id: 1,
      eos_token_id: 2,
    },
    vision_config: { hidden_size: 32, num_hidden_layers: 2, num_attention_heads: 2, image_size: 56, patch_size: 14 },
  },
];
const processors: readonly JsonObject[] = [
  jsonOf('test/fixtures/vlm/qwen2vl/preprocessor_config.json'),
  jsonOf('packages/emoji/checkpoint/vlm/preprocessor_config.json'),
  {},
  { size: { longest_edge: 224 }, max_image_size: { longest_edge: 56 }, do_image_splitting: true },
];
const stream = jsonOf('packages/emoji/checkpoint/config.json');

/** A byte-level tokenizer of a few merges, with every part that files of this family have. */
const tokenizer = {
  version: '1.0',
  truncation: null,
  padding: null,
  added_tokens: [
    { id: 10, content: '<|end|>', single_word: false, lstrip: false, rstrip: false, normalized: false, special: true },
  ],
  normalizer: { type: 'NFC' },
  pre_tokenizer: {
    type: 'Sequence',
    pretokenizers: [
      {
        type: 'Split',
        pattern: { Regex: "(?i:'s|'t)|\\p{L}+|\\p{N}| ?[^\\s\\p{L}\\p{N}]+|\\s+" },
        behavior: 'Isolated',
      },
      { type: 'ByteLevel', add_prefix_space: false, trim_offsets: false, use_regex: false },
    ],
  },
  post_processor: { type: 'ByteLevel', add_prefix_space: false, trim_offsets: false, use_regex: false },
  decoder: { type: 'ByteLevel', add_prefix_space: false, trim_offsets: false, use_regex: false },
  model: {
    type: 'BPE',
    dropout: null,
    unk_token: null,
    continuing_subword_prefix: '',
    end_of_word_suffix: '',
    fuse_unk: false,
    byte_fallback: false,
    vocab: { a: 0, b: 1, c: 2, Ġ: 3, ab: 4, abc: 5, '!': 6, 1: 7, Ċ: 8, cĠ: 9 },
    merges: ['a b', 'ab c', 'c Ġ'],
  },
};
const tokenizerConfig = {
  tokenizer_class: 'Qwen2Tokenizer',
  chat_template: '{{ messages[0].content }}',
  eos_token: '<|end|>',
  clean_up_tokenization_spaces: false,
  added_tokens_decoder: { 10: { content: '<|end|>', special: true } },
};

async function parsed(value: unknown, draws: Draws): Promise<unknown> {
  return readJson(memoryStore({ 'x.json': damagedJson(value, draws) }), 'x.json');
}

/** Everything that reads files of a checkpoint. */
export const targets: readonly Target[] = [
  {
    name: 'safetensors',
    async run(draws) {
      const file = damagedWeights(weights, draws);
      if (draws.unit() < 0.5) return readAll(memoryStore({ 'model.safetensors': file }), draws);
      for (const view of parseSafetensors(file).tensors.values()) {
        if (/^B?F/.test(view.dtype)) toFloat32(view);
        else toIntegers(view);
      }
    },
  },
  {
    name: 'shard index',
    async run(draws) {
      const damaged = draws.unit() < 0.8 ? {} : { 'x-1.safetensors': damagedWeights(shards['x-1.safetensors'], draws) };
      const file = damagedJson(index, draws);
      await readAll(memoryStore({ ...shards, ...damaged, 'model.safetensors.index.json': file }), draws);
    },
  },
  {
    name: 'quantised weights',
    async run(draws) {
      const inConfig = draws.unit() < 0.7;
      const config = inConfig ? damagedJson(packed.config, draws) : text(JSON.stringify(packed.config));
      const file = inConfig ? packed.file : damagedWeights(packed.file, draws);
      await readAll(memoryStore({ 'model.safetensors': file, 'config.json': config }), draws);
    },
  },
  {
    name: 'vlm config',
    async run(draws) {
      parameterShapes(parseVisionLanguageConfig(await parsed(draws.pick(configs), draws)));
    },
  },
  {
    name: 'stream config',
    async run(draws) {
      generationStreamShapes(parseLatteFlowConfig(await parsed(stream, draws)));
    },
  },
  {
    name: 'preprocessor',
    async run(draws) {
      const config = parseVisionLanguageConfig(draws.pick(configs));
      const json = await parsed(draws.pick(processors), draws);
      // A file that holds no object is refused where it is read.
      if (typeof json !== 'object' || json === null || Array.isArray(json)) return;
      adapterOf(config).parseImageProcessor(json as JsonObject, config);
    },
  },
  {
    name: 'tokenizer',
    async run(draws) {
      const inConfig = draws.unit() < 0.3;
      const made = createTokenizer({
        tokenizer: inConfig ? tokenizer : await parsed(tokenizer, draws),
        config: inConfig ? await parsed(tokenizerConfig, draws) : tokenizerConfig,
      });
      made.decode(made.encode('abc ab! 1<|end|>'));
    },
  },
];
