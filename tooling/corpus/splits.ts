import { createHash } from 'node:crypto';

import type { Split } from '@latte-flow/cli/corpus';

const SHARES = { testConcept: 0.05, testPair: 0.1, val: 0.03 };

/** A number in [0, 1) that depends on the text alone. */
function hashFraction(text: string): number {
  return createHash('sha256').update(text).digest().readUInt32BE(0) / 2 ** 32;
}

const WOMAN_OR_MAN = new Set(['1F468', '1F469']);
const PERSON = '1F9D1';
const GENDER_SIGNS = new Set(['2640', '2642']);
const INVISIBLE = new Set(['FE0F', '200D']);

/**
 * The code point that decides the split: variants of one role by gender share it, else a near-copy of a test picture
 * would be trained on.
 */
export function baseCodePoint(codePoint: string): string {
  return codePoint
    .split('-')
    .filter((part) => !INVISIBLE.has(part) && !GENDER_SIGNS.has(part))
    .map((part) => (WOMAN_OR_MAN.has(part) ? PERSON : part))
    .join('-');
}

/** The split of each style of a concept, from hashes of its code point; `styles` are those that have the concept. */
export function assignSplits(codePoint: string, styles: readonly string[]): Map<string, Split> {
  const base = baseCodePoint(codePoint);
  if (hashFraction(`concept ${base}`) < SHARES.testConcept)
    return new Map(styles.map((style) => [style, 'test-concept']));
  const rank = (style: string) => hashFraction(`style ${base} ${style}`);
  const heldOut =
    styles.length > 1 && hashFraction(`pair ${base}`) < SHARES.testPair
      ? styles.reduce((first, style) => (rank(style) < rank(first) ? style : first))
      : undefined;
  return new Map(
    styles.map((style) => {
      if (style === heldOut) return [style, 'test-pair'];
      return [style, hashFraction(`val ${base} ${style}`) < SHARES.val ? 'val' : 'train'];
    }),
  );
}
