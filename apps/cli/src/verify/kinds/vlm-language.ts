import { TensorOwner } from '@latte-flow/runtime';
import {
  adapterOf,
  continuePrompt,
  disposeInputs,
  embedInputs,
  uploadInputs,
  type ModelInputs,
  type VisionInput,
  type VisionLanguageModel,
} from '@latte-flow/vlm';
import type { Tensor } from '@tensorflow/tfjs-core';

import { download, type Quantity } from '../compare.ts';
import { EXACT, type WeightsBound, type FixtureReport } from '../report.ts';
import type { GoldenVlm } from './vlm-golden.ts';

const LOGITS_BOUND: WeightsBound = { metric: 'absolute', tolerance: 5e-4, ofWeights: true };

export interface CaseOptions {
  readonly name: string;
  readonly golden: GoldenVlm;
}

/** Positions `[axes, B, T]` of visible tokens, and how far the next one's is from their number, where the fixture has them. */
export async function checkPositions({ name, golden }: CaseOptions, report: FixtureReport): Promise<void> {
  if (!golden.tensors.has(`${name}.position_ids`)) return;
  const { model } = golden;
  const inputs = await golden.inputs(name);
  const { mask, batch, length } = inputs;
  const { positions, end } = adapterOf(model.config).positions(inputs, model.config);
  const deltas = end.map((next, sample) => next - visibleTokens(inputs, sample));
  const shape = [positions.length * batch, length]; // a row for each axis of each sample
  const visible = { mask: positions.flatMap(() => [...mask]), axis: 1 };
  await report.compare(`${name}.position_ids`, { ...EXACT, visible }, () => [
    { values: positions.flatMap((axis) => axis.flatMap((row) => [...row])), shape },
    { values: golden.tensors.integers(`${name}.position_ids`), shape },
  ]);
  await report.compare(`${name}.rope_deltas`, EXACT, () => [
    { values: deltas, shape: [batch, 1] },
    golden.tensors.quantity(`${name}.rope_deltas`),
  ]);
}

function visibleTokens({ mask, length }: ModelInputs, sample: number): number {
  return mask.subarray(sample * length, (sample + 1) * length).reduce((sum, visible) => sum + visible, 0);
}

/** Logits of every visible token, and the vision features, hidden states and cache that the fixture has. */
export async function checkForward({ name, golden }: CaseOptions, report: FixtureReport): Promise<void> {
  const { tensors, model } = golden;
  const inputs = await golden.inputs(name);
  using owner = new TensorOwner();
  const compare = async (quantity: string, actual: Tensor, tokenAxis?: number): Promise<void> => {
    if (!tensors.has(`${name}.${quantity}`) && quantity !== 'logits') return;
    const visible = tokenAxis === undefined ? undefined : { mask: inputs.mask, axis: tokenAxis };
    await report.compare(`${name}.${quantity}`, { ...LOGITS_BOUND, visible }, async () => [
      await download(actual),
      tensors.quantity(`${name}.${quantity}`),
    ]);
  };

  const output = model.forward(inputs, { hiddenStates: true });
  const { logits, hidden, cache, hiddenStates } = output;
  for (const tensor of [logits, hidden, cache.mask, ...hiddenStates]) owner.own(tensor);
  for (const { key, value } of cache.layers) [key, value].forEach((tensor) => owner.own(tensor));

  await compare('logits', logits, 1);
  await compare('text.norm', hidden, 1);
  for (const [layer, state] of hiddenStates.entries()) await compare(`text.layer${layer}`, state, 1);
  for (const [layer, { key, value }] of cache.layers.entries()) {
    await compare(`kv.layer${layer}.key`, key, 2);
    await compare(`kv.layer${layer}.value`, value, 2);
  }
  const uploaded = uploadInputs(model.config, inputs);
  try {
    await compare('inputs_embeds', owner.own(embedInputs(model.parameters, model.config, uploaded)), 1);
    if (uploaded.images !== undefined) await checkVision({ name, golden, images: uploaded.images }, report);
  } finally {
    disposeInputs(uploaded);
  }
  await checkContinuation({ name, golden }, { report, owner, first: { logits, cache } });
}

/** The blocks of the vision tower and the features that it hands to the language model; each as the reference names it. */
async function checkVision(
  { name, golden, images }: CaseOptions & { readonly images: VisionInput },
  report: FixtureReport,
): Promise<void> {
  const { parameters, config } = golden.model;
  using owner = new TensorOwner();
  const vision = adapterOf(config).imageFeatures(parameters, config, { images, hiddenStates: true });
  for (const tensor of [vision.features, ...vision.hiddenStates]) owner.own(tensor);
  const compare = async (quantity: string, actual: Tensor): Promise<void> => {
    if (!golden.tensors.has(`${name}.${quantity}`)) return;
    await report.compare(`${name}.${quantity}`, LOGITS_BOUND, async () => {
      const expected: Quantity = golden.visionRows(name, quantity);
      // The reference keeps an axis of tiles where this project has one of all rows.
      const rows = [expected.values.length / expected.shape.at(-1)!, expected.shape.at(-1)!];
      const own = [actual.size / actual.shape.at(-1)!, actual.shape.at(-1)!];
      return [
        { values: await actual.data(), shape: own },
        { values: expected.values, shape: rows },
      ];
    });
  };
  for (const [i, state] of vision.hiddenStates.entries()) {
    await compare(`vision.block${i}`, state);
    await compare(`vision.layer${i}`, state);
  }
  await compare('vision.merger_out', vision.features);
  await compare('vision.connector', vision.features);
}

/** The logits from which the greedy tokens were taken: the prompt's last one, then those of the tokens in one pass. */
async function checkContinuation(
  { name, golden }: CaseOptions,
  {
    report,
    owner,
    first,
  }: {
    report: FixtureReport;
    owner: TensorOwner;
    first: Pick<ReturnType<VisionLanguageModel['forward']>, 'logits' | 'cache'>;
  },
): Promise<void> {
  if (!golden.tensors.has(`${name}.generated_logits`)) return;
  const { model } = golden;
  await report.compare(`${name}.generated_logits`, LOGITS_BOUND, async () => {
    const ids = golden.tensors.integers(`${name}.generated_ids`);
    const more = continuePrompt(model.parameters, model.config, { ids, cache: first.cache });
    owner.own(more.logits);
    owner.own(more.cache.mask);
    for (const { key, value } of more.cache.layers) [key, value].forEach((tensor) => owner.own(tensor));
    const [batch, count, vocabulary] = more.logits.shape;
    const [prompt, continued] = [await first.logits.data(), await more.logits.data()];
    const values = new Float32Array(continued.length);
    const perPrompt = prompt.length / batch;
    for (let sample = 0; sample < batch; sample++) {
      const at = sample * count * vocabulary;
      values.set(prompt.subarray((sample + 1) * perPrompt - vocabulary, (sample + 1) * perPrompt), at);
      values.set(continued.subarray(at, at + (count - 1) * vocabulary), at + vocabulary);
    }
    return [{ values, shape: more.logits.shape }, golden.tensors.quantity(`${name}.generated_logits`)];
  });
}

/** As many greedy tokens as the fixture has, decoded step by step over the cache. */
export async function checkGreedyTokens({ name, golden }: CaseOptions, report: FixtureReport): Promise<void> {
  await report.compare(`${name}.generated_ids`, EXACT, async () => {
    const expected = golden.tensors.quantity(`${name}.generated_ids`);
    const [batch, maxNewTokens] = expected.shape as [number, number];
    const options = { maxNewTokens, eosTokenIds: [], signal: report.signal };
    const sequences = await golden.model.generateIds(await golden.inputs(name), options);
    return [{ values: sequences.flat(), shape: [batch, sequences[0]!.length] }, expected];
  });
}
