import { requireInteger, requireShape } from '@latte-flow/core';
import {
  cast,
  concat,
  max,
  mul,
  ones,
  reshape,
  sub,
  tensor2d,
  tidy,
  type Tensor,
  type Tensor3D,
  type Tensor4D,
} from '@tensorflow/tfjs-core';

/** Added to the score of a hidden key: finite, so that a row without any visible key stays a number. */
const HIDDEN = 1e30;

export interface VisibilityOptions {
  readonly batch: number;
  /** Number of queries, and of keys of their own block. */
  readonly tokens: number;
  /** Number of keys of the context block. Default 0. */
  readonly contextTokens?: number;
  /** A query sees only its own and earlier keys of its own block. Default false. */
  readonly causal?: boolean;
  /** `[B, tokens]` bool or int32, true = visible: the padding of the own block. Default: all visible. */
  readonly mask?: Tensor;
  /** `[B, contextTokens]` bool or int32, true = visible. Default: all visible. */
  readonly contextMask?: Tensor;
}

/** Which keys each query sees; built once and shared by all layers of a pass. Owned by whoever built it. */
export interface Visibility {
  /** `[B, 1, 1 | N, T + N]`: 0 where visible, a large negative number where hidden. */
  readonly bias: Tensor4D;
  /** `[B, 1, 1 | N, 1]`: 0 for a query that sees nothing, else 1; absent where every query sees itself. */
  readonly seen?: Tensor4D;
}

/** [N, N], 1 on and below the diagonal. */
function lowerTriangle(tokens: number): Tensor {
  const values = new Float32Array(tokens * tokens);
  for (let query = 0; query < tokens; query++) values.fill(1, query * tokens, query * tokens + query + 1);
  return tensor2d(values, [tokens, tokens]);
}

function visibleBlock(mask: Tensor | undefined, batch: number, keys: number, queries: number): Tensor3D {
  const visible = mask === undefined ? ones([batch, 1, keys]) : reshape(cast(mask, 'float32'), [batch, 1, keys]);
  return (queries === 1 ? visible : mul(visible, ones([1, queries, 1]))) as Tensor3D;
}

/**
 * The visibility of a context block followed by the queries' own block.
 *
 * @throws LatteFlowError `shape-mismatch` or `invalid-argument`
 */
export function attentionVisibility(options: VisibilityOptions): Visibility {
  const { batch, tokens, contextTokens = 0, causal = false, mask, contextMask } = options;
  requireInteger('attentionVisibility', 'tokens', tokens, { min: 1 });
  if (mask !== undefined) requireShape('attentionVisibility', 'mask', mask.shape, [batch, tokens]);
  if (contextMask !== undefined) {
    requireShape('attentionVisibility', 'contextMask', contextMask.shape, [batch, contextTokens]);
  }
  const queries = causal ? tokens : 1;
  return tidy(() => {
    const own = visibleBlock(mask, batch, tokens, queries); // [B, 1 | N, N]
    const ownSeen = causal ? mul(own, lowerTriangle(tokens)) : own;
    const visible =
      contextTokens === 0 ? ownSeen : concat([visibleBlock(contextMask, batch, contextTokens, queries), ownSeen], 2);
    const all = reshape(visible, [batch, 1, queries, contextTokens + tokens]) as Tensor4D;
    const bias = mul(sub(all, 1), HIDDEN) as Tensor4D;
    return mask === undefined ? { bias } : { bias, seen: max(all, -1, true) as Tensor4D };
  });
}
