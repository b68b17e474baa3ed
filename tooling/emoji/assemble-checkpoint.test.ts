import { cp, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { LatteFlow } from '@latte-flow/model';
import { bootBackend } from '@latte-flow/runtime';
import { memory } from '@tensorflow/tfjs-core';
import { expect, test } from 'vitest';

import { writeTinyCheckpoint } from '../../test/models/tiny-checkpoint.ts';
import { assembleCheckpoint } from './assemble-checkpoint.ts';

test('joins a stream and its backbone, keeps what else is there, and refuses parts that do not fit', async () => {
  await bootBackend({ device: 'cpu' });
  const root = await mkdtemp(join(tmpdir(), 'latte-assemble-'));
  try {
    const [whole, flow, out] = [join(root, 'whole'), join(root, 'flow'), join(root, 'out')];
    await writeTinyCheckpoint(whole);
    const vlm = join(whole, 'vlm');
    await mkdir(flow);
    for (const name of ['config.json', 'model.safetensors']) await cp(join(whole, name), join(flow, name));
    await mkdir(out);
    await writeFile(join(out, 'demo.json'), '{}');

    const before = memory().numTensors;
    await assembleCheckpoint(out, { flow, vlm });
    expect((await readdir(out)).sort()).toEqual(['config.json', 'demo.json', 'model.safetensors', 'vlm']);
    (await LatteFlow.fromPretrained(out)).dispose();

    const weights = await readFile(join(out, 'model.safetensors'));
    await expect(assembleCheckpoint(out, { flow: vlm, vlm })).rejects.toMatchObject({ code: 'invalid-argument' });
    await expect(assembleCheckpoint(out, { flow, vlm: flow })).rejects.toMatchObject({ code: 'unsupported' });
    await rm(join(vlm, 'model.safetensors'));
    await expect(assembleCheckpoint(out, { flow, vlm })).rejects.toMatchObject({ code: 'file-not-found' });
    await expect(assembleCheckpoint(out, { flow, vlm: join(root, 'none') })).rejects.toThrow('expected a folder');
    expect(await readFile(join(out, 'model.safetensors'))).toEqual(weights);
    expect(memory().numTensors).toBe(before);
  } finally {
    await rm(root, { recursive: true });
  }
});
