/**
 * What captured steps save: milliseconds a denoising step and a decoded token of a LaTtE-Flow checkpoint, with the ops of each
 * step enqueued anew, and captured. Guided by doubling, one picture; the fastest of some rounds.
 *
 * node --conditions=@latte-flow/source tooling/benchmark/captured-steps.ts [CHECKPOINT] [--steps N] [--tokens N] [--rounds N]
 */
import { disposeContext, generateImages, LatteFlow, predictVelocity } from '@latte-flow/model';
import { bootBackend } from '@latte-flow/runtime';
import { continuePrompt, DecodingCache, disposeContextCache, forwardPrompt } from '@latte-flow/vlm';
import { add, mul, randomNormal, slice, sub, tidy, type Tensor } from '@tensorflow/tfjs-core';
import { parseArgs } from 'node:util';

const GUIDANCE = 3;
const PROMPT = 'a red apple';

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: {
    steps: { type: 'string', default: '40' },
    tokens: { type: 'string', default: '64' },
    rounds: { type: 'string', default: '3' },
  },
});
const [checkpoint = 'packages/emoji/checkpoint'] = positionals;
const [steps, tokens, rounds] = [Number(values.steps), Number(values.tokens), Number(values.rounds)];
const { description } = await bootBackend({ device: 'webgpu' });
const model = await LatteFlow.fromPretrained(checkpoint);

/** Milliseconds of the fastest round after one that warms up. */
async function fastest(work: () => Promise<void>): Promise<number> {
  let best = Infinity;
  for (let round = 0; round <= rounds; round++) {
    const began = performance.now();
    await work();
    if (round > 0) best = Math.min(best, performance.now() - began);
  }
  return best;
}

const read = async (x: Tensor): Promise<void> => {
  await x.data();
  x.dispose();
};

/** As `generateImages` does it, without capturing: prompts, Euler steps, the read. */
async function drawPlainly(): Promise<void> {
  const { config, parameters } = model;
  const context = model.encodeRendered([PROMPT, config.nullPrompt]);
  let x: Tensor = randomNormal([1, config.latentChannels, config.latentSize, config.latentSize]);
  for (let step = 0; step < steps; step++) {
    const next = tidy(() => {
      const times = [step / steps, step / steps];
      const group = Math.min(config.numGroups - 1, Math.floor((step * config.numGroups) / steps));
      const velocity = predictVelocity({ latents: x.concat(x), times, context, group }, parameters, config);
      const [conditional, unguided] = [slice(velocity, 0, 1), slice(velocity, 1, 1)];
      return add(x, mul(add(unguided, mul(sub(conditional, unguided), GUIDANCE)), 1 / steps));
    });
    x.dispose();
    x = next;
  }
  disposeContext(context);
  await read(x);
}

const { config, parameters, tokenizer } = model.backbone;
const ids = Int32Array.from(tokenizer.encode(PROMPT));
const inputs = { ids, mask: new Uint8Array(ids.length).fill(1), batch: 1, length: ids.length, grids: [] };
const token = ids.slice(0, 1);

async function decodePlainly(): Promise<void> {
  let { cache, logits, hidden } = forwardPrompt(parameters, config, { inputs, logits: 'last' });
  hidden.dispose();
  for (let i = 0; i < tokens; i++) {
    await read(logits);
    const before = cache;
    ({ cache, logits } = continuePrompt(parameters, config, { ids: token, cache, logits: 'last' }));
    disposeContextCache(before);
  }
  await read(logits);
  disposeContextCache(cache);
}

async function decodeCaptured(): Promise<void> {
  using cache = new DecodingCache(parameters, config);
  await read(cache.run(inputs));
  for (let i = 0; i < tokens; i++) await read(cache.advance(token));
}

const drawCaptured = async (): Promise<void> => {
  await generateImages(model, PROMPT, { steps, guidanceScale: GUIDANCE });
};
const each = (milliseconds: number, count: number): number => Number((milliseconds / count).toFixed(3));
const result = {
  checkpoint,
  device: description,
  steps,
  tokens,
  rounds,
  millisecondsAStep: {
    plain: each(await fastest(drawPlainly), steps),
    captured: each(await fastest(drawCaptured), steps),
  },
  millisecondsAToken: {
    plain: each(await fastest(decodePlainly), tokens),
    captured: each(await fastest(decodeCaptured), tokens),
  },
};
process.stdout.write(`${JSON.stringify(result)}\n`);
process.exit(0);
