import { requireFinite, requireInteger, requireShape } from '@latte-flow/core';
import { linear, modulatedRmsNorm, silu } from '@latte-flow/ops';
import type { ParameterScope } from '@latte-flow/runtime';
import { split, tidy, type Tensor, type Tensor4D } from '@tensorflow/tfjs-core';

import { layersPerGroup, type LatteFlowConfig } from '../config/latte-flow-config.ts';
import { requireContext, type PromptContext } from './context.ts';
import { latentView, type LatentView } from './latent-view.ts';
import { generationLayer } from './layer.ts';
import { patchify, unpatchify } from './patches.ts';
import { timeEmbedding, timeFeatures } from './time-embedding.ts';

export interface VelocityInputs {
  /** x_t, `[B, C, S, S]` float32. All tensors are borrowed. */
  readonly latents: Tensor;
  /** t of each member, `[B]` in [0, 1], 0 = noise; all of one group. */
  readonly times: ArrayLike<number>;
  readonly context: PromptContext;
  /** The group that the sampling plan names, 0 … K - 1. */
  readonly group: number;
}

/** Hidden states and the carried map of one pass, for looking inside. Owned by the caller. */
export interface VelocityTrace {
  readonly velocity: Tensor4D;
  /** After each layer of the group, `[B, N, D]`. */
  readonly hidden: readonly Tensor[];
  /** The map that the group's last layer carried, `[B, H, N, N]`; absent where residual attention is off. */
  readonly map?: Tensor;
}

/** What `runGroup` runs on, on the device. Borrowed. */
export interface GroupInputs extends Pick<VelocityInputs, 'latents' | 'group'> {
  /** `timeFeatures` of the members' times, `[B, F]`. */
  readonly features: Tensor;
  readonly context: Pick<PromptContext, 'layers'>;
  readonly view: LatentView;
}

/**
 * @returns the batch size
 * @throws LatteFlowError `shape-mismatch` or `invalid-argument` for latents, times or a group that are not the stream's
 */
export function requireLatents(
  where: string,
  { latents, times, group }: Pick<VelocityInputs, 'latents' | 'times' | 'group'>,
  config: LatteFlowConfig,
): number {
  requireInteger(where, 'group', group, { min: 0, max: config.numGroups - 1 });
  const { latentChannels: C, latentSize: S } = config;
  const { B } = requireShape(where, 'latents', latents.shape, ['B', C, S, S]);
  requireShape(where, 'times', [times.length], [B!]);
  for (let i = 0; i < times.length; i++) requireFinite(where, `times[${i}]`, times[i], { min: 0, max: 1 });
  return B!;
}

/** @throws LatteFlowError as `predictVelocity` */
export function requireVelocityInputs(inputs: VelocityInputs, config: LatteFlowConfig): void {
  const where = 'predictVelocity';
  const batch = requireLatents(where, inputs, config);
  requireContext(where, inputs.context, { batch, layers: (inputs.group + 1) * layersPerGroup(config), config });
}

/**
 * The layers of one group between patch embedding and head, of checked inputs. All that changes from one time to the next
 * comes in tensors, so that it can be captured.
 */
export function runGroup(inputs: GroupInputs, parameters: ParameterScope, config: LatteFlowConfig): VelocityTrace {
  const { latents, features, context, view, group } = inputs;
  const perGroup = layersPerGroup(config);
  return tidy(() => {
    const patches = patchify(latents, config.patchSize);
    let x = linear(patches, parameters.weight('patch_embed.weight'), parameters.get('patch_embed.bias')); // [B, N, D]
    const condition = silu(timeEmbedding(features, parameters.scope('time_embed'))); // [B, D]

    let map: Tensor | undefined;
    const hidden: Tensor[] = [];
    for (let layer = group * perGroup; layer < (group + 1) * perGroup; layer++) {
      const result = generationLayer(
        { x, condition, ...view, context: context.layers[layer], previous: map },
        parameters.scope(`layers.${layer}`),
        config,
      );
      ({ hidden: x, map } = result);
      hidden.push(x);
    }
    const headModulation = linear(
      condition,
      parameters.weight('head_modulation.weight'),
      parameters.get('head_modulation.bias'),
    );
    const [scale, shift] = split(headModulation, 2, 1) as [Tensor, Tensor];
    const normalised = modulatedRmsNorm(x, parameters.get('norm_out.weight'), scale, shift, config.rmsNormEps);
    const out = linear(normalised, parameters.weight('head.weight'), parameters.get('head.bias')); // [B, N, C p p]
    return { velocity: unpatchify(out, config.latentChannels, config.patchSize), hidden, map };
  });
}

/**
 * `predictVelocity` with its intermediate values.
 * @throws LatteFlowError as `predictVelocity`
 */
export function traceVelocity(
  inputs: VelocityInputs,
  parameters: ParameterScope,
  config: LatteFlowConfig,
): VelocityTrace {
  requireVelocityInputs(inputs, config);
  const { times, ...rest } = inputs;
  return tidy(() => {
    const features = timeFeatures(times, config.timeFrequencyDim);
    const view = latentView(config, rest.context);
    const { velocity, hidden, map } = runGroup({ ...rest, features, view }, parameters, config);
    return { velocity, hidden: [...hidden], map };
  });
}

/**
 * The velocity dx/dt of the latents at their times, by the layers of one group alone:
 * patch embedding -> M layers -> head.
 *
 * @param parameters the tensors that `generationStreamShapes` names (those of the group and the shared ones suffice)
 * @returns `[B, C, S, S]`, owned by the caller
 * @throws LatteFlowError `shape-mismatch`, `invalid-argument` (a time outside [0, 1], an unknown group), or
 * `checkpoint-mismatch` if a parameter is missing
 * @see arXiv 2506.06952; `LatteFlow.forward` of the reference
 */
export function predictVelocity(inputs: VelocityInputs, parameters: ParameterScope, config: LatteFlowConfig): Tensor4D {
  return tidy(() => traceVelocity(inputs, parameters, config).velocity);
}
