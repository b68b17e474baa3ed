/**
 * Peak bytes of tensors while a DC-AE of random weights encodes and decodes one picture, at once and in tiles, over what the
 * model itself takes.
 *
 *   node_modules/node/bin/node --conditions=@latte-flow/source tooling/autoencoder/peak-memory.ts [--config FILE] [--side N] [--tile N] [--device NAME]
 */
import { readFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';

import { DcAutoencoder, dcParameterShapes, parseDcAutoencoderConfig, type TileOptions } from '@latte-flow/autoencoder';
import { initialiseDcParameters } from '@latte-flow/autoencoder/training';
import { normalNoise, requireInteger, requireOneOf } from '@latte-flow/core';
import { bootBackend, deviceOptions, ParameterStore } from '@latte-flow/runtime';
import { memory, profile, tensor, type Tensor } from '@tensorflow/tfjs-core';

const { values } = parseArgs({
  options: {
    config: { type: 'string', default: 'packages/emoji/training/autoencoder.json' },
    side: { type: 'string', default: '512' },
    tile: { type: 'string', default: '128' },
    device: { type: 'string', default: 'wasm' },
  },
});
const [side, size] = [values.side, values.tile].map((text, i) =>
  requireInteger('peak-memory', i === 0 ? 'side' : 'tile', Number(text), { min: 1 }),
) as [number, number];
const { device } = await bootBackend({ device: requireOneOf('peak-memory', 'device', values.device, deviceOptions) });
const json = JSON.parse(await readFile(values.config, 'utf8')) as Record<string, unknown>;
const config = parseDcAutoencoderConfig(json['model'] ?? json);
const parameters = ParameterStore.upload(initialiseDcParameters(config, 1), {
  where: 'peak-memory',
  expected: dcParameterShapes(config),
});
using model = new DcAutoencoder(config, parameters);
const picture = tensor(normalNoise(3 * side * side, { seed: 1 }), [1, 3, side, side]);
const latents = await model.encode(picture, { tile: { size } });

async function report(name: string, work: () => Promise<Tensor>): Promise<void> {
  const before = memory().numBytes;
  const began = performance.now();
  const { peakBytes } = await profile(async () => {
    const result = await work();
    await result.data();
    result.dispose();
  });
  const [megabytes, seconds] = [(peakBytes - before) / 1e6, (performance.now() - began) / 1000];
  process.stdout.write(`${name}: ${megabytes.toFixed(1)} MB, ${seconds.toFixed(1)} s\n`);
}

process.stdout.write(`${device}, ${side} x ${side}\n`);
for (const [name, tile] of [
  ['at once', undefined],
  [`tiles of ${size}`, { size }],
] satisfies [string, TileOptions | undefined][]) {
  await report(`encode, ${name}`, () => model.encode(picture, { tile }));
  await report(`decode, ${name}`, () => model.decode(latents, { tile }));
}
