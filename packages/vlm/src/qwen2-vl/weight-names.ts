import { LatteFlowError } from '@latte-flow/core';

/** Prefixes that files in the wild use, and the Hub's own spelling of each. The first that matches counts. */
const SPELLINGS: readonly (readonly [string, string])[] = [
  // Written by transformers 5 with `save_original_format=False`.
  ['model.language_model.', 'model.'],
  ['model.visual.', 'visual.'],
  // Saved from the base model, without the head.
  ['language_model.', 'model.'],
];

function canonicalName(name: string): string {
  const spelling = SPELLINGS.find(([prefix]) => name.startsWith(prefix));
  return spelling === undefined ? name : spelling[1] + name.slice(spelling[0].length);
}

/**
 * Renames the tensors of a checkpoint to the Hub's spelling, whichever of the three variants it uses. The head that
 * some tools write for tied embeddings is dropped: it repeats `embed_tokens`.
 * @throws LatteFlowError `checkpoint-invalid` if two tensors mean the same parameter
 */
export function canonicalWeights<T>(
  weights: Iterable<readonly [string, T]>,
  options: { readonly tied: boolean },
): Map<string, T> {
  const renamed = new Map<string, T>();
  for (const [name, value] of weights) {
    const canonical = canonicalName(name);
    if (options.tied && canonical === 'lm_head.weight') continue;
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
