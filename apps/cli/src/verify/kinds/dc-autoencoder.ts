import { join } from 'node:path';

import { DcAutoencoder } from '@latte-flow/autoencoder';
import type { Tensor } from '@tensorflow/tfjs-core';

import { download, type Quantity } from '../compare.ts';
import type { Fixture } from '../discover.ts';
import { FixtureTensors } from '../fixture-tensors.ts';
import type { Bound, FixtureReport, WeightsBound } from '../report.ts';

/** Between two orders of float32 sums. */
const BOUND: WeightsBound = { metric: 'relative', tolerance: 1e-4, ofWeights: true };
/** A picture in [-1, 1] of its bytes: rounding of one division. */
const SAMPLE: Bound = { metric: 'absolute', tolerance: 1e-6 };

/** Bytes [H, W, 3] -> [1, 3, H, W] in [-1, 1]. */
function pictureOf({ values, shape }: Quantity): Quantity {
  const [height, width, channels] = shape as [number, number, number];
  const sample = Float32Array.from({ length: values.length }, (_, i) => {
    const [channel, pixel] = [Math.floor(i / (height * width)), i % (height * width)];
    return values[pixel * channels + channel]! / 127.5 - 1;
  });
  return { values: sample, shape: [1, channels, height, width] };
}

/** What a fixture's input becomes; both tensors are freed. */
async function resultOf(input: Tensor, work: (input: Tensor) => Promise<Tensor>): Promise<Quantity> {
  try {
    const result = await work(input);
    return await download(result).finally(() => result.dispose());
  } finally {
    input.dispose();
  }
}

/** Encodes and decodes the cases of a DC-AE fixture. */
export async function checkDcAutoencoder(fixture: Fixture, report: FixtureReport): Promise<void> {
  const tensors = await FixtureTensors.read(join(fixture.path, 'golden.safetensors'));
  using model = await DcAutoencoder.fromPretrained(fixture.path, { dtype: report.dtype, signal: report.signal });
  const names = tensors.namesAfter('');
  const cases = [...new Set(names.map((name) => name.split('.')[0]!))].sort();
  for (const name of cases) {
    const compare = async (quantity: string, from: string, work: (input: Tensor) => Promise<Tensor>): Promise<void> => {
      if (!tensors.has(`${name}.${quantity}`)) return;
      await report.compare(`${name}.${quantity}`, BOUND, async () => [
        await resultOf(tensors.upload(`${name}.${from}`), work),
        tensors.quantity(`${name}.${quantity}`),
      ]);
    };
    if (tensors.has(`${name}.image`)) {
      await report.compare(`${name}.sample`, SAMPLE, () => [
        pictureOf(tensors.quantity(`${name}.image`)),
        tensors.quantity(`${name}.sample`),
      ]);
    }
    await compare('latent', 'sample', (x) => model.encode(x, { scaled: false }));
    await compare('scaled_latent', 'sample', (x) => model.encode(x));
    await compare('decoded', 'latent', (z) => model.decode(z, { scaled: false }));
    await compare('decoded_from_noise', 'noise_latent_scaled', (z) => model.decode(z));
  }
}
