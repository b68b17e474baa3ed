// What a user of the packages without TensorFlow.js might write; the test runs it where they are installed.
import { LatteFlowError, normalNoise } from '@latte-flow/core';
import { encodeWeights, openFileStore, readWeights, toFloat32 } from '@latte-flow/checkpoint';
import { writeFolder } from '@latte-flow/checkpoint/node';
import { expertGroups, planSampling } from '@latte-flow/expert-router';
import { euler, integrate, uniformSigmas } from '@latte-flow/schedulers';

const noise = normalNoise(4, { seed: 1 });
const { sample } = await integrate(euler(), {
  sigmas: uniformSigmas(8),
  sample: noise,
  velocity: async (x) => x.map(() => 1),
});

const plan = planSampling(expertGroups({ layers: 8, groups: 4 }), { times: [0, 0.25, 0.5, 0.75, 1] });

await writeFolder('model', Object.fromEntries(encodeWeights([['noise', { shape: [4], values: noise }]])));
const stored = (await readWeights(await openFileStore('model'))).get('noise');

let refusal;
try {
  expertGroups({ layers: 7, groups: 4 });
} catch (error) {
  refusal = LatteFlowError.isInstance(error) ? error.code : 'another copy of core';
}

const moved = Array.from(sample, (value, i) => noise[i] - value);
process.stdout.write(
  JSON.stringify({
    moved,
    groups: plan.steps.map(({ group }) => group),
    stored: [...toFloat32(stored)],
    noise: [...noise],
    refusal,
  }),
);
