import {
  dtypeOf,
  encodeFloat16,
  PackedTensor,
  toFloat32,
  type DtypeRules,
  type HostTensor,
} from '@latte-flow/checkpoint';
import { generationStreamShapes, type LatteFlowConfig, type PromptContext } from '@latte-flow/model';
import { ParameterStore, type TensorOwner } from '@latte-flow/runtime';

import type { FixtureTensors } from '../fixture-tensors.ts';
import type { Bound, WeightsBound } from '../report.ts';

/** Velocities, hidden states, maps, samples, caches. */
export const STREAM_BOUND: WeightsBound = { metric: 'scaled', tolerance: 1e-4, ofWeights: true };
export const GRADIENT_BOUND: Bound = { metric: 'scaled', tolerance: 1e-3 };
export const LOSS_BOUND: Bound = { metric: 'absolute', tolerance: 1e-4 };

const PARAMETER = 'param.';

/** The stream's weights on the host, in the order of the file. */
async function* readParameters(
  tensors: FixtureTensors,
  dtype: DtypeRules,
): AsyncGenerator<readonly [string, HostTensor]> {
  const chosen = dtypeOf(dtype);
  for (const name of tensors.namesAfter(PARAMETER)) {
    const view = tensors.view(PARAMETER + name);
    const { shape } = view;
    const values = toFloat32(view, { name });
    if (chosen(name, shape) === 'float32') yield [name, { shape, values }];
    else yield [name, new PackedTensor({ dtype: 'float16', shape, codes: bytesOf(encodeFloat16(values)) })];
  }
}

const bytesOf = (halves: Uint16Array): Uint8Array =>
  new Uint8Array(halves.buffer, halves.byteOffset, halves.byteLength);

/** The weights of a fixture's stream, owned by the caller; refused if they are not those that the config asks for. */
export function loadParameters(
  tensors: FixtureTensors,
  config: LatteFlowConfig,
  { dtype = 'float32', trainable = false }: { readonly dtype?: DtypeRules; readonly trainable?: boolean },
): Promise<ParameterStore> {
  const names = tensors.namesAfter(PARAMETER);
  return ParameterStore.load(readParameters(tensors, dtype), {
    where: 'verify',
    found: new Map(names.map((name) => [name, tensors.view(PARAMETER + name)])),
    expected: generationStreamShapes(config),
    trainable,
  });
}

/** The context that a fixture spells out, `cond` or `null`; its tensors go to `owner`. */
export function uploadContext(
  tensors: FixtureTensors,
  branch: 'cond' | 'null',
  { layers, owner }: { readonly layers: number; readonly owner: TensorOwner },
): PromptContext {
  return {
    layers: Array.from({ length: layers }, (_, layer) => ({
      key: owner.own(tensors.upload(`${branch}.k.${layer}`)),
      value: owner.own(tensors.upload(`${branch}.v.${layer}`)),
    })),
    mask: owner.own(tensors.uploadIntegers(`${branch}.mask`)),
    end: tensors.integers(`${branch}.end`),
  };
}
