import { toFloat32 } from '@latte-flow/checkpoint';
import { generationStreamShapes, type LatteFlowConfig, type PromptContext } from '@latte-flow/model';
import { ParameterStore, type TensorOwner } from '@latte-flow/runtime';

import type { FixtureTensors } from '../fixture-tensors.ts';
import type { Bound } from '../report.ts';

/** Velocities, hidden states, maps, samples, caches. */
export const STREAM_BOUND: Bound = { metric: 'scaled', tolerance: 1e-4 };
export const GRADIENT_BOUND: Bound = { metric: 'scaled', tolerance: 1e-3 };
export const LOSS_BOUND: Bound = { metric: 'absolute', tolerance: 1e-4 };

const PARAMETER = 'param.';

/** The weights of a fixture's stream, owned by the caller; refused if they are not those that the config asks for. */
export function uploadParameters(
  tensors: FixtureTensors,
  config: LatteFlowConfig,
  { trainable = false }: { readonly trainable?: boolean } = {},
): ParameterStore {
  const entries = tensors.namesAfter(PARAMETER).map((name) => {
    const view = tensors.view(PARAMETER + name);
    return [name, { shape: view.shape, values: toFloat32(view, { name }) }] as const;
  });
  return ParameterStore.upload(entries, { where: 'verify', expected: generationStreamShapes(config), trainable });
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
