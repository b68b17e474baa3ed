import { bootBackend } from '@latte-flow/runtime';
import { memory, tensor, type Tensor4D } from '@tensorflow/tfjs-core';
import { beforeAll, expect, test } from 'vitest';

import { smoothPictures, tinyTinyAutoencoder } from '../testing/tiny-models.ts';
import { tinyDecode, tinyEncode } from './tiny-forward.ts';

beforeAll(() => bootBackend({ device: 'cpu' }));

type Image = { readonly size: number; readonly channels: number; readonly values: Float64Array };

/** By its definition: plain loops over [C, size, size]. */
function reference(parameters: ReadonlyMap<string, { shape: readonly number[]; values: Float32Array }>) {
  const convolve = ({ size, channels, values }: Image, name: string, stride = 1): Image => {
    const weight = parameters.get(`${name}.weight`)!;
    const bias = parameters.get(`${name}.bias`)?.values;
    const [outputs, out] = [weight.shape[0]!, size / stride];
    const result = new Float64Array(outputs * out * out);
    result.forEach((_, at) => {
      const [o, y, x] = [Math.floor(at / (out * out)), Math.floor(at / out) % out, at % out];
      let sum = bias?.[o] ?? 0;
      for (let i = 0; i < channels; i++) {
        for (let tap = 0; tap < 9; tap++) {
          const [row, column] = [y * stride + Math.floor(tap / 3) - 1, x * stride + (tap % 3) - 1];
          if (row < 0 || row >= size || column < 0 || column >= size) continue;
          sum += weight.values[(o * channels + i) * 9 + tap]! * values[(i * size + row) * size + column]!;
        }
      }
      result[at] = sum;
    });
    return { size: out, channels: outputs, values: result };
  };
  const map = (image: Image, f: (value: number, i: number) => number): Image => ({
    ...image,
    values: image.values.map(f),
  });
  const relu = (image: Image): Image => map(image, (value) => Math.max(0, value));
  const block = (image: Image, name: string): Image => {
    const first = relu(convolve(image, `${name}.conv.0`));
    const last = convolve(relu(convolve(first, `${name}.conv.2`)), `${name}.conv.4`);
    return relu(map(last, (value, i) => value + image.values[i]!));
  };
  const double = ({ size, channels, values }: Image): Image => ({
    size: 2 * size,
    channels,
    values: Float64Array.from({ length: 4 * values.length }, (_, at) => {
      const [plane, y, x] = [
        Math.floor(at / (4 * size * size)),
        Math.floor(at / (2 * size)) % (2 * size),
        at % (2 * size),
      ];
      return values[(plane * size + (y >> 1)) * size + (x >> 1)]!;
    }),
  });
  return { convolve, relu, block, double, map };
}

/** [C, S, S] as [1, S, S, C]. */
const channelsLast = ({ size, channels, values }: Image): Float32Array =>
  Float32Array.from(
    { length: values.length },
    (_, at) => values[(at % channels) * size * size + Math.floor(at / channels)]!,
  );

test('encoder and decoder are the layers of their definition, in their order', async () => {
  const before = memory().numTensors;
  using model = tinyTinyAutoencoder();
  const { convolve, relu, block, double, map } = reference(await model.parameters.download());
  const picture: Image = { size: 8, channels: 3, values: Float64Array.from(smoothPictures([1, 8, 8])) };

  let hidden = convolve(
    map(picture, (value) => (value + 1) / 2),
    'encoder.layers.0',
  );
  hidden = block(hidden, 'encoder.layers.1');
  hidden = block(convolve(hidden, 'encoder.layers.2', 2), 'encoder.layers.3');
  hidden = block(convolve(hidden, 'encoder.layers.4', 2), 'encoder.layers.5');
  const latents = convolve(hidden, 'encoder.layers.6');
  const x = tensor(channelsLast(picture), [1, 8, 8, 3]) as Tensor4D;
  const z = tinyEncode(x, model.parameters, model.config);
  const got = await z.data();
  channelsLast(latents).forEach((value, i) => expect(got[i]).toBeCloseTo(value, 5));

  // Beyond the magnitude, so that the squashing counts.
  const far = map(latents, (value) => 4 * value);
  let grown = relu(
    convolve(
      map(far, (value) => 3 * Math.tanh(value / 3)),
      'decoder.layers.0',
    ),
  );
  grown = convolve(double(block(grown, 'decoder.layers.2')), 'decoder.layers.4');
  grown = convolve(double(block(grown, 'decoder.layers.5')), 'decoder.layers.7');
  grown = convolve(block(grown, 'decoder.layers.8'), 'decoder.layers.9');
  const farZ = tensor(channelsLast(far), z.shape) as Tensor4D;
  const y = tinyDecode(farZ, model.parameters, model.config);
  const pixels = await y.data();
  channelsLast(map(grown, (value) => 2 * value - 1)).forEach((value, i) => expect(pixels[i]).toBeCloseTo(value, 4));
  for (const each of [x, z, farZ, y]) each.dispose();
  model.dispose();
  expect(memory().numTensors).toBe(before);
});
