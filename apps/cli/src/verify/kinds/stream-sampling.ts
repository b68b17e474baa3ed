import { LatteFlowError } from '@latte-flow/core';
import { expertGroups, planSampling } from '@latte-flow/expert-router';
import { predictVelocity, type PromptContext } from '@latte-flow/model';
import { euler } from '@latte-flow/schedulers';
import { branchesAt, type Branch, classifierFreeGuidance } from '@latte-flow/schedulers/guidance';
import { guideTensors, integrateTensors } from '@latte-flow/schedulers/tfjs';
import { tidy, type Tensor } from '@tensorflow/tfjs-core';

import { download } from '../compare.ts';
import type { FixtureReport } from '../report.ts';
import { STREAM_BOUND } from './stream-fixture.ts';
import type { StreamCase } from './stream-velocity.ts';

interface Sampling {
  readonly steps: number;
  readonly guidanceScale: number;
  readonly nullContext?: PromptContext;
  readonly signal?: AbortSignal;
}

function requireContext(context: PromptContext | undefined): PromptContext {
  if (context !== undefined) return context;
  throw new LatteFlowError('checkpoint-invalid', {
    where: 'verify',
    expected: 'a null context for samples with guidance',
    got: 'none',
    remedy: 'Make the fixture again, with null.k.*, null.v.*, null.mask and null.end.',
  });
}

/** Euler from the latents over a uniform grid, each step in the group that the plan names. The caller owns the result. */
async function sample({ config, parameters, latents, context }: StreamCase, options: Sampling): Promise<Tensor> {
  const { steps, guidanceScale, nullContext, signal } = options;
  const { numLayers: layers, numGroups: groups, boundaries } = config;
  const times = Array.from({ length: steps + 1 }, (_, step) => step / steps);
  const plan = planSampling(expertGroups({ layers, groups, boundaries }), { times });
  const guidance = classifierFreeGuidance(guidanceScale);
  const contextOf = (branch: Branch) => (branch === 'conditional' ? context : requireContext(nullContext));
  const { sample: result } = await integrateTensors(euler(), {
    times,
    sample: latents,
    signal,
    velocity: (x, time, { step }) =>
      tidy(() => {
        const branches = branchesAt(guidance, { step, steps }).map((branch) => {
          const { group } = plan.steps[step]!;
          const inputs = {
            latents: x,
            times: new Float64Array(x.shape[0]!).fill(time),
            context: contextOf(branch),
            group,
          };
          return [branch, predictVelocity(inputs, parameters, config)] as const;
        });
        return guideTensors(guidance, Object.fromEntries(branches));
      }),
  });
  return result;
}

/** Every `sample.steps{n}.cfg{w}` of the fixture. */
export async function checkSamples(
  stream: StreamCase & { readonly nullContext?: PromptContext },
  report: FixtureReport,
): Promise<void> {
  for (const name of stream.tensors.namesAfter('sample.')) {
    const match = /^steps(\d+)\.cfg(-?[\d.]+(?:e[-+]?\d+)?)$/.exec(name);
    await report.compare(`sample.${name}`, STREAM_BOUND, async () => {
      if (match === null) throw new Error(`No such sample is known: its name must read sample.steps{n}.cfg{w}.`);
      const [steps, guidanceScale] = [Number(match[1]), Number(match[2])];
      const { nullContext } = stream;
      const result = await sample(stream, { steps, guidanceScale, nullContext, signal: report.signal });
      try {
        return [await download(result), stream.tensors.quantity(`sample.${name}`)];
      } finally {
        result.dispose();
      }
    });
  }
}
