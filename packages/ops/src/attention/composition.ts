import { add, concat, mul, reshape, softmax, tidy, type Tensor4D } from '@tensorflow/tfjs-core';

import { withGradient } from '../with-gradient.ts';
import { attendGradient, gatedMapGradient, scaledScoresGradient, weightedValuesGradient } from './gradient.ts';
import type { AttentionInputs, AttentionResult, ResidualMap } from './inputs.ts';
import { attendPortable, gatedMapPortable, joinBlocks, scaledScores, splitBlocks, weightedValues } from './portable.ts';

function scoresOf(query: Tensor4D, key: Tensor4D): Tensor4D {
  return withGradient(
    [query, key],
    (query_, key_) => scaledScores(query_, key_),
    (dy, query_, key_) => scaledScoresGradient(dy, query_, key_),
  );
}

function weigh(weights: Tensor4D, value: Tensor4D): Tensor4D {
  return withGradient([weights, value], weightedValues, (dy, weights_, value_) =>
    weightedValuesGradient(dy, weights_, value_),
  );
}

function attend(scores: Tensor4D, value: Tensor4D): Tensor4D {
  return withGradient([scores, value], (scores_, value_) => attendPortable(scores_, value_), attendGradient);
}

function addGated(map: Tensor4D, { previous, gate }: ResidualMap): Tensor4D {
  if (previous === undefined || gate === undefined) return map;
  const [batch, heads] = map.shape;
  return withGradient(
    [map, previous as Tensor4D, reshape(gate, [batch, heads, 1, 1]) as Tensor4D],
    (map_, previous_, gate_) => gatedMapPortable(map_, previous_, gate_),
    (dy, _map, previous_, gate_) => gatedMapGradient(dy, previous_, gate_),
  );
}

/** `attention` by its definition: scores, softmax and weighted values are one op after the other. */
export function attentionComposed(inputs: AttentionInputs): AttentionResult {
  const { query, key, value, context, visibility, residual } = inputs;
  const contextTokens = context?.key.shape[2] ?? 0;
  return tidy(() => {
    const keys = (context === undefined ? key : concat([context.key, key], 2)) as Tensor4D; // [B, G, T + N, E]
    const values = (context === undefined ? value : concat([context.value, value], 2)) as Tensor4D;
    const hide = (scores: Tensor4D): Tensor4D => (visibility === undefined ? scores : add(scores, visibility.bias));
    const seen = (rows: Tensor4D): Tensor4D => (visibility?.seen === undefined ? rows : mul(rows, visibility.seen));
    const scores = scoresOf(query as Tensor4D, keys); // [B, H, N, T + N]

    let output: Tensor4D;
    let map: Tensor4D | undefined;
    if (residual === undefined) {
      output = attend(hide(scores), values);
    } else if (residual.form === 'scores') {
      const [onContext, own] = splitBlocks(scores, contextTokens);
      map = addGated(own, residual);
      output = attend(hide(map === own ? scores : joinBlocks(onContext, map)), values);
    } else {
      const weights = seen(softmax(hide(scores)));
      const [onContext, own] = splitBlocks(weights, contextTokens);
      map = addGated(own, residual);
      output = weigh(map === own ? weights : joinBlocks(onContext, map), values);
    }
    output = seen(output);
    return map === undefined ? { output } : { output, map };
  });
}
