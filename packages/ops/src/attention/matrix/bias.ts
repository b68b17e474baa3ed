import type { BlockSizes } from '../blocks.ts';
import { mapBuffer, mapLoad } from '../buffers.ts';
import type { Visibility } from '../visibility.ts';

/** How a program reads the bias: not at all, one by one, or four neighbouring keys at once. */
export type BiasRead = 'none' | 'scalars' | 'vectors';

/** The bias of neighbouring keys lies in one vector where both blocks are whole numbers of vectors. */
export function biasRead(visibility: Visibility | undefined, { contextTokens, keys }: BlockSizes): BiasRead {
  if (visibility === undefined) return 'none';
  return contextTokens % 4 === 0 && keys % 4 === 0 ? 'vectors' : 'scalars';
}

export const biasInputs = (read: BiasRead): string[] =>
  read === 'none' ? [] : [mapBuffer('bias', read === 'vectors')];

/** WGSL: `load_bias(at, is_there)` */
export const biasFunctions = (read: BiasRead): string => (read === 'none' ? '' : mapLoad('bias', read === 'vectors'));

/** WGSL: the bias' first element of a row of all query heads of a batch member and key/value head `batch`. */
export const biasRow = (row: string): string =>
  `(batch / params.groups * params.bias_rows + ${row} % params.queries % params.bias_rows) * params.keys`;
