import { elementCount, LatteFlowError, NoisePurpose, normalNoise, type Shape } from '@latte-flow/core';
import type { ParameterValues } from '@latte-flow/runtime';

import type { LatteFlowConfig } from '../config/latte-flow-config.ts';
import { generationStreamShapes } from '../generation-stream/parameter-shapes.ts';

/** Modules that start at zero, so that a fresh stream is the identity around a zero velocity. */
const ZERO = /(^|\.)(modulation|residual_gate|head_modulation|head)\.(weight|bias)$/;

/** The replica's tensors whose backbone counterpart has another name. */
const BACKBONE_NAMES: readonly (readonly [RegExp, string])[] = [[/\.pre_mlp_norm\./, '.post_attention_layernorm.']];

/** Norms that the replica adds: the backbone has none in their places. */
const NEW_NORMS = /\.(post_attention_norm|post_mlp_norm)\./;

function fresh(name: string, shape: Shape, stream: { seed: number; image: number }): Float32Array {
  const size = elementCount(shape);
  if (ZERO.test(name) || name.endsWith('.bias')) return new Float32Array(size);
  if (shape.length === 1) return new Float32Array(size).fill(1);
  const scale = 1 / Math.sqrt(shape[1]!);
  return normalNoise(size, { ...stream, purpose: NoisePurpose.initialisation }).map((value) => value * scale);
}

function backboneName(name: string, prefix: string): string {
  return BACKBONE_NAMES.reduce((renamed, [pattern, other]) => renamed.replace(pattern, other), `${prefix}.${name}`);
}

export interface InitialiseOptions {
  /** Integer in [0, 2^53). Parameter i of `generationStreamShapes` draws from stream i. */
  readonly seed: number;
  /**
   * Values of the backbone's parameters by Hub names (`model.layers.…`): its layers are copied into the replica
   * (Couple). Default: a fresh replica.
   */
  readonly backbone?: ReadonlyMap<string, ParameterValues>;
  /** Where the backbone's decoder lies (`decoderPrefix` of its adapter). Default `model`. */
  readonly decoderPrefix?: string;
}

function copied(source: ParameterValues | undefined, { name, shape }: { name: string; shape: Shape }): Float32Array {
  if (source !== undefined && source.shape.join() === shape.join()) return source.values.slice();
  throw new LatteFlowError('checkpoint-mismatch', {
    where: 'initialiseGenerationStream',
    expected: `${name} of shape [${shape.join(', ')}] in the backbone`,
    got: source === undefined ? 'no such tensor' : `[${source.shape.join(', ')}]`,
    remedy: 'Give the stream the layer count and sizes of its backbone.',
    data: { name },
  });
}

/**
 * Parameters to start training from: projections, norms and MLPs of every layer from the backbone, the rest new.
 * Modulation, gates and head are zero; new linear weights are normal with variance 1 / fan-in.
 * @throws LatteFlowError `checkpoint-mismatch` if the backbone's layers do not fit
 * @see `LatteFlow` of the reference, for which tensors a replica takes
 */
export function initialiseGenerationStream(
  config: LatteFlowConfig,
  { seed, backbone, decoderPrefix = 'model' }: InitialiseOptions,
): Map<string, ParameterValues> {
  const values = new Map<string, ParameterValues>();
  for (const [i, [name, shape]] of [...generationStreamShapes(config)].entries()) {
    const isCopy = backbone !== undefined && name.startsWith('layers.') && !ZERO.test(name) && !NEW_NORMS.test(name);
    const source = backboneName(name, decoderPrefix);
    values.set(name, {
      shape,
      values: isCopy ? copied(backbone.get(source), { name: source, shape }) : fresh(name, shape, { seed, image: i }),
    });
  }
  return values;
}
