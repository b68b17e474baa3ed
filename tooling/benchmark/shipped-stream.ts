import { normalNoise } from '@latte-flow/core';
import { groupOfTime } from '@latte-flow/expert-router';
import { disposeContext, LatteFlow, predictVelocity } from '@latte-flow/model';
import { bootBackend, type DeviceOption } from '@latte-flow/runtime';
import { rk4, type Solver } from '@latte-flow/schedulers';
import { classifierFreeGuidance } from '@latte-flow/schedulers/guidance';
import { guideTensors, integrateTensors } from '@latte-flow/schedulers/tfjs';
import { tensor, tidy, type Tensor } from '@tensorflow/tfjs-core';

import { type Problem, uniformTimes } from './problem.ts';

const PROMPT = 'a strawberry';
const GUIDANCE_SCALE = 3;
const REFERENCE_STEPS = 128;

/** The latents of a picture that the shipped checkpoint draws, guided; every stage runs in the group of its step's start. */
export async function shippedStream(
  checkpoint: string,
  { device }: { readonly device: DeviceOption },
): Promise<Problem> {
  await bootBackend({ device });
  const model = await LatteFlow.fromPretrained(checkpoint);
  const { latentChannels, latentSize } = model.config;
  const shape = [1, latentChannels, latentSize, latentSize];
  const sample = tensor(normalNoise(latentChannels * latentSize ** 2, { seed: 1 }), shape);
  const contexts = {
    conditional: model.encodePrompts([PROMPT]),
    null: model.encodeRendered([model.config.nullPrompt]),
  };
  const guidance = classifierFreeGuidance(GUIDANCE_SCALE);

  async function solve(solver: Solver, times: readonly number[]) {
    const velocity = (latents: Tensor, time: number, { step }: { readonly step: number }) =>
      tidy(() => {
        const group = groupOfTime(model.groups, times[step]!);
        const branch = (context: typeof contexts.null) =>
          predictVelocity({ latents, times: [time], context, group }, model.parameters, model.config);
        return guideTensors(guidance, { conditional: branch(contexts.conditional), null: branch(contexts.null) });
      });
    const solution = await integrateTensors(solver, { times, sample, velocity });
    const values = await solution.sample.data();
    solution.sample.dispose();
    return { sample: values, evaluations: solution.evaluations };
  }

  return {
    description: `the shipped checkpoint's latents of "${PROMPT}", guidance ${GUIDANCE_SCALE}, float32; reference: RK4 in ${REFERENCE_STEPS} steps`,
    budgets: [4, 8, 12, 16, 24, 32, 48, 64],
    times: uniformTimes,
    boundaries: model.groups.boundaries,
    solve,
    async reference() {
      const solved = async (steps: number) => (await solve(rk4(), uniformTimes(steps))).sample;
      return { fine: await solved(REFERENCE_STEPS), coarse: await solved(REFERENCE_STEPS / 2) };
    },
    dispose() {
      sample.dispose();
      Object.values(contexts).forEach(disposeContext);
      model.dispose();
    },
  };
}
