import { TensorOwner } from '@latte-flow/runtime';
import {
  adapterOf,
  cutIntoTiles,
  disposeInputs,
  idefics3Adapter,
  padTiles,
  runTileTower,
  tilePixels,
  uploadInputs,
  withoutEmptyTiles,
  type Idefics3Config,
  type TileInput,
  type TileProcessorConfig,
} from '@latte-flow/vlm';

import { download } from '../compare.ts';
import { EXACT, type WeightsBound, type FixtureReport } from '../report.ts';
import type { CaseOptions } from './vlm-language.ts';

const STATE_BOUND: WeightsBound = { metric: 'absolute', tolerance: 5e-4, ofWeights: true };

/** What only fixtures with tiles have: which pixels are padding, and the two ends of the tower. */
export async function checkTileQuantities({ name, golden }: CaseOptions, report: FixtureReport): Promise<void> {
  if (adapterOf(golden.model.config) !== idefics3Adapter) return;
  await checkMask({ name, golden }, report);
  await checkTowerEnds({ name, golden }, report);
}

async function checkMask({ name, golden }: CaseOptions, report: FixtureReport): Promise<void> {
  const quantity = `${name}.pixel_attention_mask`;
  if (!golden.tensors.has(quantity)) return;
  const { tileSize } = golden.model.imageProcessor as TileProcessorConfig;
  const samples = await samplesOf({ name, golden }, tileSize);
  await report.compare(quantity, EXACT, () => {
    const { mask, tiles } = padTiles(samples, tileSize);
    return [{ values: mask, shape: [samples.length, tiles, tileSize, tileSize] }, golden.tensors.quantity(quantity)];
  });
}

/** The tiles of each prompt, without padding: the reference's, or where the fixture leaves them out those of the pictures. */
async function samplesOf({ name, golden }: CaseOptions, tileSize: number): Promise<Float32Array[]> {
  const pixels = `${name}.pixel_values`;
  if (golden.tensors.has(pixels)) {
    const values = golden.tensors.floats(pixels);
    const samples = golden.tensors.view(pixels).shape[0]!;
    const length = values.length / samples;
    return Array.from({ length: samples }, (_, i) =>
      withoutEmptyTiles(values.subarray(i * length, (i + 1) * length), 3 * tileSize ** 2),
    );
  }
  const { images, processor } = await golden.shown(name);
  const config = processor as TileProcessorConfig;
  return [
    tilePixels(
      images.flatMap((image) => cutIntoTiles(image, config).tiles),
      config,
    ),
  ];
}

async function checkTowerEnds({ name, golden }: CaseOptions, report: FixtureReport): Promise<void> {
  const [first, last] = [`${name}.vision.embeddings`, `${name}.vision.post_layernorm`];
  if (!golden.tensors.has(first) && !golden.tensors.has(last)) return;
  const { parameters, config } = golden.model;
  const uploaded = uploadInputs(config, await golden.inputs(name));
  using owner = new TensorOwner();
  try {
    const images = uploaded.images as TileInput;
    const options = { ...images, hiddenStates: true };
    const { features, hiddenStates, ends } = runTileTower(parameters.scope('model'), config as Idefics3Config, options);
    const { embedded, normed } = ends!;
    for (const tensor of [features, embedded, normed, ...hiddenStates]) owner.own(tensor);
    for (const [quantity, state] of [
      [first, embedded],
      [last, normed],
    ] as const) {
      if (!golden.tensors.has(quantity)) continue;
      await report.compare(quantity, STATE_BOUND, async () => [
        await download(state),
        golden.tensors.quantity(quantity),
      ]);
    }
  } finally {
    disposeInputs(uploaded);
  }
}
