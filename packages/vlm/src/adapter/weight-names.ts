import { LatteFlowError } from '@latte-flow/core';

/** Prefixes that files in the wild use, and the canonical spelling of each. The first that matches counts. */
export type Spellings = readonly (readonly [string, string])[];

function canonicalName(name: string, spellings: Spellings): string {
  const spelling = spellings.find(([prefix]) => name.startsWith(prefix));
  return spelling === undefined ? name : spelling[1] + name.slice(spelling[0].length);
}

/**
 * Renames the tensors of a checkpoint to the canonical spelling, whichever of the variants it uses. The head that some
 * tools write for tied embeddings is dropped: it repeats `embed_tokens`.
 * @throws LatteFlowError `checkpoint-invalid` if two tensors mean the same parameter
 */
export function renameWeights<T>(
  weights: Iterable<readonly [string, T]>,
  { spellings, tied }: { readonly spellings: Spellings; readonly tied: boolean },
): Map<string, T> {
  const renamed = new Map<string, T>();
  for (const [name, value] of weights) {
    const canonical = canonicalName(name, spellings);
    if (tied && canonical === 'lm_head.weight') continue;
    if (renamed.has(canonical)) {
      throw new LatteFlowError('checkpoint-invalid', {
        where: 'canonicalWeights',
        expected: 'each parameter once',
        got: `${canonical} under two names`,
        remedy: 'Save the checkpoint again with one naming scheme.',
        data: { name, canonical },
      });
    }
    renamed.set(canonical, value);
  }
  return renamed;
}
