import { normalNoise } from '@latte-flow/core';
import { bootBackend, ParameterStore, type ParameterValues } from '@latte-flow/runtime';
import {
  memory,
  mul,
  sum,
  tensor,
  tidy,
  variableGrads,
  type Scalar,
  type Tensor,
  type Tensor4D,
  type Variable,
} from '@tensorflow/tfjs-core';
import { afterEach, beforeAll, beforeEach, expect, test } from 'vitest';

import { parseDcAutoencoderConfig } from '../dc/dc-config.ts';
import { dcDecode } from '../dc/decode.ts';
import { dcEncode } from '../dc/encode.ts';
import { efficientVitBlock } from '../dc/efficient-vit-block.ts';
import { dcParameterShapes } from '../dc/parameter-shapes.ts';
import { randomParameters, smoothPictures, tinyDcAutoencoder, tinyDcJson } from '../testing/tiny-models.ts';
import { haarBasis, haarCoefficients } from './haar.ts';
import { initialiseDcParameters, isTrainableDcParameter } from './initialise.ts';
import { LatentMoments } from './latent-statistics.ts';
import { reconstructionLoss } from './reconstruction-loss.ts';

beforeAll(() => bootBackend({ device: 'cpu' }));

let tensors: number;
beforeEach(() => {
  tensors = memory().numTensors;
});
afterEach(() => expect(memory().numTensors).toBe(tensors));

const numberOf = async (x: Tensor): Promise<number> => (await x.data().finally(() => x.dispose()))[0]!;

function batchOf(height: number, width: number) {
  const images = tensor(smoothPictures([2, height, width]), [2, 3, height, width]);
  const shape: [number, number, number, number] = [2, 4, height / 4, width / 4];
  const noise = tensor(normalNoise((2 * 4 * height * width) / 16, { seed: 3 }), shape);
  return { images, noise, dispose: () => [images, noise].forEach((each) => each.dispose()) };
}

test('the Haar basis is orthonormal: differences of halves, and means of blocks', () => {
  const [length, levels] = [16, 3];
  const basis = haarBasis(length, levels);
  for (let i = 0; i < length; i++) {
    for (let j = 0; j < length; j++) {
      let dot = 0;
      for (let k = 0; k < length; k++) dot += basis[k * length + i]! * basis[k * length + j]!;
      expect(dot).toBeCloseTo(i === j ? 1 : 0, 6);
    }
  }
});

test('of a constant picture the block means alone are not zero; a side that is no multiple has fewer levels', async () => {
  const x = tensor(new Float32Array(8 * 6).fill(1), [1, 8, 6, 1]) as Tensor4D;
  const y = haarCoefficients(x, 3);
  expect(y.shape).toEqual([1, 6, 8]);
  const values = await y.data();
  // Blocks of 2 along the width of 6, of 8 along the height: sqrt(2) sqrt(8).
  expect([...values].filter((value) => Math.abs(value) > 1e-6).map((value) => Math.round(value))).toEqual([4, 4, 4]);
  for (const each of [x, y]) each.dispose();
});

/**
 * The slope of a scalar along a random direction of each parameter, by the tape and by central differences. The functions
 * are smooth (no relu near 0), so what remains is float32.
 */
async function requireSlopes(
  values: ReadonlyMap<string, ParameterValues>,
  valueOf: (parameters: ParameterStore) => Scalar,
  { only = /./, step = 2e-3 } = {},
): Promise<void> {
  const valueAt = async (name: string, direction: Float32Array, distance: number): Promise<number> => {
    const { shape, values: at } = values.get(name)!;
    const moved = at.map((value, i) => value + distance * direction[i]!);
    using parameters = ParameterStore.upload(new Map(values).set(name, { shape, values: moved }), { where: 'test' });
    return numberOf(valueOf(parameters));
  };
  using parameters = ParameterStore.upload(values, { where: 'test', trainable: isTrainableDcParameter });
  const trained = [...values.keys()].filter((name) => isTrainableDcParameter(name) && only.test(name));
  const { value, grads: gradients } = variableGrads(
    () => valueOf(parameters),
    trained.map((name) => parameters.get(name) as Variable),
  );
  value.dispose();
  const slopesOf = new Map<string, Float32Array>();
  for (const name of trained) {
    const gradient = gradients[parameters.get<Variable>(name).name]!;
    slopesOf.set(name, (await gradient.data().finally(() => gradient.dispose())) as Float32Array);
  }
  for (const [image, [name, slopes]] of [...slopesOf].entries()) {
    const direction = normalNoise(slopes.length, { seed: 5, image });
    const [ahead, behind] = [await valueAt(name, direction, step), await valueAt(name, direction, -step)];
    const slope = slopes.reduce((sum, each, i) => sum + each * direction[i]!, 0);
    const size = Math.hypot(...slopes);
    expect(size, name).toBeGreaterThan(1e-3);
    expect(Math.abs(slope - (ahead - behind) / (2 * step)), name).toBeLessThan(0.02 * size + 1e-3);
  }
}

/** Without relu, whose kinks differences step over. */
const smoothJson = (change: object = {}) =>
  tinyDcJson({
    encoder_block_types: 'ResBlock',
    decoder_block_types: 'ResBlock',
    decoder_act_fns: 'silu',
    decoder_conv_act_fn: 'silu',
    ...change,
  });

test.each([
  ['convolutions of stride 2', { downsample_block_type: 'Conv', upsample_block_type: 'interpolate' }],
  ['pixel shuffles', {}],
  ['a first stage of its own', { encoder_layers_per_block: [1, 1, 1], decoder_layers_per_block: [1, 1, 1] }],
])('the gradient is that of differences, parameter by parameter: %s', async (_, change) => {
  const config = parseDcAutoencoderConfig(smoothJson(change));
  const x = tensor(smoothPictures([1, 8, 8]), [1, 8, 8, 3]) as Tensor4D;
  const functional = tensor(normalNoise(x.size, { seed: 9 }), x.shape);
  await requireSlopes(randomParameters(dcParameterShapes(config)), (parameters) =>
    tidy(() => sum(mul(dcDecode(dcEncode(x, parameters, config), parameters, config), functional))),
  );
  for (const each of [x, functional]) each.dispose();
});

test('and that of the loss, which is linear in the last convolution but where an error changes its sign', async () => {
  const config = parseDcAutoencoderConfig(smoothJson());
  const batch = batchOf(8, 8);
  await requireSlopes(
    randomParameters(dcParameterShapes(config)),
    (parameters) => reconstructionLoss(batch, { config, parameters }),
    { only: /^decoder\.conv_out/ },
  );
  batch.dispose();
});

test.each([
  ['linear', 4],
  ['quadratic', 1],
])('and that of a block with %s attention at two scales', async (_, side) => {
  const config = parseDcAutoencoderConfig(tinyDcJson());
  const stage = config.encoder[2]!;
  const prefix = 'encoder.down_blocks.2.0.';
  const values = new Map(
    [...randomParameters(dcParameterShapes(config))].flatMap(([name, { shape, values: drawn }]) => {
      if (!name.startsWith(prefix)) return [];
      // Queries, keys and values above 0 at both scales.
      const positive = /attn\.to_(q|k|v|qkv)/.test(name);
      return [[name, { shape, values: positive ? drawn.map((value) => Math.abs(value) + 0.1) : drawn }] as const];
    }),
  );
  const shape: [number, number, number, number] = [1, side, side + 1, stage.channels];
  const count = side * (side + 1) * stage.channels;
  const x = tensor(
    normalNoise(count, { seed: 8 }).map((value) => Math.abs(value) + 0.1),
    shape,
  );
  const functional = tensor(normalNoise(count, { seed: 9 }), shape);
  await requireSlopes(
    values,
    (parameters) =>
      tidy(() =>
        sum(mul(efficientVitBlock(x, parameters.scope(prefix.slice(0, -1)), { stage, headDim: 4 }), functional)),
      ),
    { step: 6e-3 }, // slopes are small beside the rounding of the sum
  );
  for (const each of [x, functional]) each.dispose();
});

test('what has a weight counts, and options out of range are refused', async () => {
  using model = tinyDcAutoencoder();
  const batch = batchOf(8, 8);
  const loss = (options: object) => numberOf(reconstructionLoss(batch, model, options));
  const pixels = await loss({ structureWeight: 0, latentWeight: 0, latentNoise: 0 });
  const structured = await loss({ structureWeight: 1, latentWeight: 0, latentNoise: 0 });
  expect(structured).toBeGreaterThan(pixels);
  expect(await loss({ structureWeight: 3, latentWeight: 0, latentNoise: 0 })).toBeCloseTo(
    pixels + 3 * (structured - pixels),
    4,
  );
  expect(await loss({ structureWeight: 0, latentWeight: 1, latentNoise: 0 })).toBeGreaterThan(pixels);
  expect(await loss({ structureWeight: 0, latentWeight: 0, latentNoise: 1 })).not.toBeCloseTo(pixels, 4);
  const whole = await numberOf(
    reconstructionLoss({ images: batch.images }, model, { structureWeight: 0, latentWeight: 0 }),
  );
  expect(whole).toBeCloseTo(pixels, 6);
  expect(() => reconstructionLoss(batch, model, { latentNoise: -1 })).toThrow('latentNoise');
  expect(() => reconstructionLoss({ images: batch.noise }, model)).toThrow('images of shape');
  batch.dispose();
});

test('fresh blocks are the identity, and the same seed gives the same model', async () => {
  const config = parseDcAutoencoderConfig(tinyDcJson());
  const values = initialiseDcParameters(config, 1);
  expect(values).toEqual(initialiseDcParameters(config, 1));
  expect(values.get('encoder.conv_out.weight')).not.toEqual(
    initialiseDcParameters(config, 2).get('encoder.conv_out.weight'),
  );
  expect([...values.get('decoder.up_blocks.1.1.norm.weight')!.values]).toEqual(new Array(8).fill(0));
  expect([...values.get('decoder.norm_out.weight')!.values]).toEqual(new Array(8).fill(1));
  expect(() => initialiseDcParameters(config, -1)).toThrow('seed');
});

test('moments of latents are those of their channels', async () => {
  const moments = new LatentMoments(2);
  for (const part of [
    [1, 3, 10, 10],
    [5, 7, 14, 14],
  ]) {
    const latents = tensor(part, [1, 2, 1, 2]);
    await moments.add(latents);
    latents.dispose();
  }
  const { mean, std } = moments.statistics();
  expect(mean).toEqual([4, 12]);
  expect(std[0]).toBeCloseTo(Math.sqrt(5), 12);
  expect(std[1]).toBeCloseTo(2, 12);
  // All values: 1 3 5 7 10 10 14 14, mean 8, mean square of the rest 20.5.
  expect(moments.scalingFactor()).toBeCloseTo(1 / Math.sqrt(20.5), 12);
});
