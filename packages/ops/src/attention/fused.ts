import { zerosLike, type Tensor, type Tensor4D } from '@tensorflow/tfjs-core';

import { currentPrecision, type Precision } from '../kernel/precision.ts';
import { withGradientOfMany } from '../with-gradient-of-many.ts';
import { blockSizes, type AttentionBlocks } from './blocks.ts';
import { addCarriedValues, carriedGradientWebGPU, weightMapWebGPU, type CarriedMap } from './carried-webgpu.ts';
import type { AttentionInputs, AttentionResult, ResidualForm } from './inputs.ts';
import { attend, carriedKeyGradient, carriedQueryGradient, keyGradient, queryGradient } from './kernels.ts';
import { carriedKeyGradientWebGPU, keyGradientTile } from './key-gradient-webgpu.ts';
import { forwardTile } from './forward-webgpu.ts';
import { carriedQueryGradientWebGPU, queryGradientTile, weightGradientWebGPU } from './query-gradient-webgpu.ts';
import { rowStatistics } from './row-statistics-webgpu.ts';
import { occupancy } from './tile.ts';

/** Buffers that the backward pass of a carried map binds at most, once keys and values lie in one each. */
const CARRIED_BUFFERS = 10;

type Differentiated = 'query' | 'key' | 'value' | 'contextKey' | 'contextValue' | 'previous' | 'gate';
type Differentials = Partial<Record<Differentiated, Tensor>>;

/** The tensors by name, without those that are absent. */
function namedTensors({ query, key, value, context, residual }: AttentionInputs): Differentials {
  const { previous, gate } = residual ?? {};
  const all = { query, key, value, contextKey: context?.key, contextValue: context?.value, previous, gate };
  return Object.fromEntries(Object.entries(all).filter(([, tensor]) => tensor !== undefined));
}

const carriedOf = ({ previous, gate }: Differentials): CarriedMap | undefined =>
  previous === undefined || gate === undefined ? undefined : { previous, gate };

/** False for heads too wide for the backward pass' registers (over 128) or memory, and maps where few buffers are bound. */
export function isFusible(inputs: AttentionInputs): boolean {
  const sizes = blockSizes(namedTensors(inputs) as AttentionBlocks);
  if (inputs.residual !== undefined && occupancy().buffers < CARRIED_BUFFERS) return false;
  return [forwardTile, queryGradientTile, keyGradientTile].every((choose) => choose(sizes) !== undefined);
}

interface Values {
  readonly output: Tensor;
  readonly logSumExp: Tensor;
  readonly map?: Tensor;
}

/** How a pass is computed. Weights that a map was added to are products of float32. */
interface Way {
  readonly form?: ResidualForm;
  readonly precision: Precision;
}

const wayOf = (form: ResidualForm | undefined): Way => ({
  form,
  precision: form === 'probabilities' ? 'float32' : currentPrecision(),
});

function forwardOf(blocks: AttentionBlocks, { form, precision }: Way, carried?: CarriedMap): Values {
  if (form !== 'probabilities') return attend(blocks, precision, form && { ...carried });
  const { output, logSumExp } = attend(blocks, precision);
  if (carried !== undefined) addCarriedValues(output, blocks, { ...carried, logSumExp });
  return { output, logSumExp, map: weightMapWebGPU(blocks, logSumExp, carried) };
}

interface Backward extends Values {
  /** The gradient of the output; of the map, unless nothing depends on it. */
  readonly dy: Tensor;
  readonly dmap?: Tensor;
  readonly precision: Precision;
  readonly wants: (name: Differentiated) => boolean;
}

function plainGradient(blocks: AttentionBlocks, { dy, output, logSumExp, precision, wants }: Backward): Differentials {
  const rows = { dy, statistics: rowStatistics(dy, output, logSumExp) };
  const gradients: Differentials = {};
  if (wants('query')) gradients.query = queryGradient(blocks, rows, precision);
  if (wants('key') || wants('value')) [gradients.key, gradients.value] = keyGradient(blocks, rows, 'own', precision);
  if (wants('contextKey') || wants('contextValue')) {
    [gradients.contextKey, gradients.contextValue] = keyGradient(blocks, rows, 'context', precision);
  }
  return gradients;
}

/** With a map everything goes through the own block's dscores, and through dweights where the map adds to weights. */
function carriedGradient(
  blocks: AttentionBlocks,
  form: ResidualForm,
  { dy, dmap, output, logSumExp, map, carried, precision, wants }: Backward & { readonly carried?: CarriedMap },
): Differentials {
  const [dWeights, statistics] =
    form === 'scores'
      ? [undefined, rowStatistics(dy, output, logSumExp)]
      : weightGradientWebGPU(blocks, { dy, logSumExp, dmap });
  const rows = { dy, statistics };
  const gradients: Differentials = {};
  const [dQuery, dScores] =
    form === 'scores'
      ? carriedQueryGradient(blocks, rows, { map: map!, dmap }, precision)
      : carriedQueryGradientWebGPU(blocks, rows, { form, map: map!, dmap });
  gradients.query = dQuery;
  if (wants('key') || wants('value')) {
    [gradients.key, gradients.value] =
      form === 'scores'
        ? carriedKeyGradient(blocks, rows, { map: map!, dScores }, precision)
        : carriedKeyGradientWebGPU(blocks, rows, { form, map: map!, dScores });
  }
  if (wants('contextKey') || wants('contextValue')) {
    [gradients.contextKey, gradients.contextValue] = keyGradient(blocks, rows, 'context', precision);
  }
  if (carried !== undefined && (wants('previous') || wants('gate'))) {
    [gradients.previous, gradients.gate] = carriedGradientWebGPU(dWeights ?? dScores, carried);
  }
  return gradients;
}

/** `attention` as one op, whose backward pass makes its weights again from each row's log-sum-exp. */
export function attentionFused(inputs: AttentionInputs): AttentionResult {
  const { visibility, residual } = inputs;
  const named = namedTensors(inputs);
  const names = Object.keys(named) as Differentiated[];
  const way = wayOf(residual?.form);
  const { form, precision } = way;
  const [output, map] = withGradientOfMany<Differentiated>('attention', {
    inputs: named,
    forward(save) {
      const blocks = { ...(named as unknown as AttentionBlocks), visibility };
      const { output, logSumExp, map } = forwardOf(blocks, way, carriedOf(named));
      save(output, logSumExp, ...Object.values(named), ...(map ? [map] : []), ...(visibility ? [visibility.bias] : []));
      return map === undefined ? [output] : [output, map];
    },
    gradient([dy, dmap], [output, logSumExp, ...saved], wants) {
      const kept: Differentials = Object.fromEntries(names.map((name, i) => [name, saved[i]!]));
      const rest = saved.slice(names.length);
      const map = form && rest.shift();
      const bias = rest.shift() as Tensor4D | undefined;
      const blocks = { ...(kept as unknown as AttentionBlocks), ...(bias && { visibility: { bias } }) };
      const rows = { dy: dy ?? zerosLike(output!), dmap, output: output!, logSumExp: logSumExp!, map };
      const backward = { ...rows, precision, wants };
      return form === undefined
        ? plainGradient(blocks, backward)
        : carriedGradient(blocks, form, { ...backward, carried: carriedOf(kept) });
    },
  });
  return map === undefined ? { output: output! } : { output: output!, map };
}
