import { encodeWeights, openFileStore, parseSafetensors, toFloat32, type FileStore } from '@latte-flow/checkpoint';
import type { Progress } from '@latte-flow/core';
import { bootBackend } from '@latte-flow/runtime';
import { memory } from '@tensorflow/tfjs-core';
import { afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';

import { LatteFlow } from './latte-flow.ts';
import { disposeContext } from './pipelines/contexts.ts';
import { generateImages } from './pipelines/generate-images.ts';
import { tinyCheckpoint } from './testing/tiny-model.ts';

const checkpoint = tinyCheckpoint();
let before = 0;
let store: FileStore;

beforeAll(async () => {
  await bootBackend({ device: 'cpu' });
  store = await openFileStore(checkpoint.folder);
});
beforeEach(() => {
  before = memory().numTensors;
});
afterEach(() => expect(memory().numTensors).toBe(before));

/** The checkpoint with some files changed or, where undefined, gone. */
function withFiles(files: Readonly<Record<string, Uint8Array | string | undefined>>): FileStore {
  return {
    location: store.location,
    async read(path, options) {
      if (!(path in files)) return store.read(path, options);
      const content = files[path];
      if (content === undefined) return store.read('gone', options);
      return typeof content === 'string' ? new TextEncoder().encode(content) : content;
    },
    exists: async (path) => (path in files ? files[path] !== undefined : store.exists(path)),
  };
}

async function configWith(path: string, changes: object): Promise<FileStore> {
  const json = JSON.parse(new TextDecoder().decode(await store.read(path))) as object;
  return withFiles({ [path]: JSON.stringify({ ...json, ...changes }) });
}

/** The checkpoint with the stream's weights changed. */
async function weightsWith(change: (weights: Map<string, { shape: readonly number[]; values: Float32Array }>) => void) {
  const { tensors } = parseSafetensors(await store.read('model.safetensors'));
  const weights = new Map([...tensors].map(([name, view]) => [name, { shape: view.shape, values: toFloat32(view) }]));
  change(weights);
  return withFiles(Object.fromEntries(encodeWeights(weights)));
}

describe('fromPretrained', () => {
  test('loads a folder, and says what it is doing', async () => {
    const events: Progress[] = [];
    const model = await LatteFlow.fromPretrained(checkpoint.folder, { onProgress: (event) => void events.push(event) });
    expect(model.groups).toMatchObject({ layers: 4, groups: 2, boundaries: [0, 0.5, 1] });
    expect(model.parameters.names().length).toBeGreaterThan(60);
    expect(events.length).toBeGreaterThan(0);
    const context = model.encodePrompts(['a', 'a red apple']);
    expect(context.layers.length).toBe(4);
    expect(context.mask.shape[0]).toBe(2);
    expect(context.end[0]).toBeLessThan(context.end[1]!);
    disposeContext(context);
    model.dispose();
    model.dispose();
    expect(() => model.encodePrompts(['a'])).toThrow(expect.objectContaining({ code: 'disposed' }));
    await expect(generateImages(model, 'a')).rejects.toMatchObject({ code: 'disposed' });
  });

  test.each<[string, () => Promise<FileStore>, string, string]>([
    ['no config', async () => withFiles({ 'config.json': undefined }), 'file-not-found', 'gone'],
    ['a config that is no JSON', async () => withFiles({ 'config.json': '{' }), 'checkpoint-invalid', 'config.json'],
    ['other groups', () => configWith('config.json', { num_groups: 3 }), 'checkpoint-invalid', 'num_groups = 3'],
    ['other layers', () => configWith('config.json', { num_layers: 2 }), 'checkpoint-mismatch', 'num_layers 4'],
    ['other heads', () => configWith('config.json', { num_kv_heads: 2 }), 'checkpoint-mismatch', 'num_kv_heads 1'],
    [
      'other head sizes',
      () => configWith('config.json', { head_dim: 8, mrope_section: [1, 1, 2] }),
      'checkpoint-mismatch',
      'head_dim 16, as in the backbone, got 8',
    ],
    ['another width', () => configWith('config.json', { intermediate_size: 40 }), 'checkpoint-mismatch', '[40, 32]'],
    ['no weights', async () => withFiles({ 'model.safetensors': undefined }), 'file-not-found', 'model.safetensors'],
    [
      'damaged weights',
      async () => withFiles({ 'model.safetensors': (await store.read('model.safetensors')).subarray(0, 5000) }),
      'checkpoint-invalid',
      '',
    ],
    [
      'a missing tensor',
      () => weightsWith((weights) => weights.delete('layers.3.self_attn.residual_gate.bias')),
      'checkpoint-mismatch',
      'layers.3.self_attn.residual_gate.bias',
    ],
    [
      'a tensor too many',
      () => weightsWith((weights) => weights.set('layers.4.bias', { shape: [1], values: Float32Array.of(1) })),
      'checkpoint-mismatch',
      'also layers.4.bias',
    ],
    ['no backbone', async () => withFiles({ 'vlm/config.json': undefined }), 'file-not-found', 'gone'],
    [
      'damaged weights of the backbone',
      async () => withFiles({ 'vlm/model.safetensors': new Uint8Array(100) }),
      'checkpoint-invalid',
      '',
    ],
    [
      'boundaries too close for a plan',
      () => configWith('config.json', { boundaries: [0, 1 - 1e-9, 1] }),
      'invalid-argument',
      'boundaries',
    ],
  ])('refuses %s and leaves nothing', async (_, changed, code, message) => {
    await expect(LatteFlow.fromPretrained(await changed())).rejects.toMatchObject({
      code,
      message: expect.stringContaining(message),
    });
  });

  test('an abort while loading throws the reason and leaves nothing', async () => {
    const early = AbortSignal.abort();
    await expect(LatteFlow.fromPretrained(store, { signal: early })).rejects.toBe(early.reason);
    const controller = new AbortController();
    const reason = new Error('enough');
    const opened: string[] = [];
    const counting: FileStore = {
      ...store,
      async open(path, options) {
        if (path === 'model.safetensors') controller.abort(reason); // the backbone is on the device by then
        opened.push(path);
        return store.open!(path, options);
      },
    };
    const run = LatteFlow.fromPretrained(counting, { signal: controller.signal });
    await expect(run).rejects.toBe(reason);
    expect(opened).toEqual(['vlm/model.safetensors', 'model.safetensors']);
  });
});
