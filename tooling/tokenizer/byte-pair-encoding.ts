import { byteCharacters } from './pre-tokenizer.ts';

export interface BytePairEncoding {
  /** Tokens in the order of their ids: the 256 bytes, then what each merge makes. */
  readonly tokens: readonly string[];
  /** Pairs of tokens in the order in which they are merged. */
  readonly merges: readonly (readonly [string, string])[];
}

interface Word {
  /** Token ids; shortened as merges apply. */
  ids: number[];
  readonly count: number;
}

/** Both ids of a pair in one number. */
const PAIR_BASE = 2 ** 24;

function countPairs(words: readonly Word[]): Map<number, number> {
  const counts = new Map<number, number>();
  for (const { ids, count } of words) {
    for (let i = 0; i + 1 < ids.length; i++) {
      const pair = ids[i]! * PAIR_BASE + ids[i + 1]!;
      counts.set(pair, (counts.get(pair) ?? 0) + count);
    }
  }
  return counts;
}

/** The most frequent pair; of equals the one with the lower ids, so that the result depends on the counts alone. */
function mostFrequent(counts: ReadonlyMap<number, number>): number | undefined {
  let best: number | undefined;
  let most = 0;
  for (const [pair, count] of counts) {
    if (count > most || (count === most && pair < best!)) {
      best = pair;
      most = count;
    }
  }
  return best;
}

function mergePair(ids: readonly number[], left: number, right: number, merged: number): number[] {
  const out: number[] = [];
  for (let i = 0; i < ids.length; i++) {
    if (ids[i] === left && ids[i + 1] === right) {
      out.push(merged);
      i++;
    } else {
      out.push(ids[i]!);
    }
  }
  return out;
}

/**
 * Learns byte pair merges (Sennrich, Haddow and Birch, 2016) from words in the byte-level alphabet and how often each
 * occurs, until there are `size` tokens or no pair is left. A pair that spells a token made before shares its id.
 */
export function trainBytePairs(wordCounts: ReadonlyMap<string, number>, { size }: { size: number }): BytePairEncoding {
  const tokens = byteCharacters.toSorted((a, b) => a.charCodeAt(0) - b.charCodeAt(0));
  const idOf = new Map(tokens.map((token, id) => [token, id]));
  const words = Array.from(wordCounts, ([word, count]): Word => ({
    ids: Array.from(word, (c) => idOf.get(c)!),
    count,
  }));
  const merges: (readonly [string, string])[] = [];
  while (tokens.length < size) {
    const pair = mostFrequent(countPairs(words));
    if (pair === undefined) break;
    const [left, right] = [Math.floor(pair / PAIR_BASE), pair % PAIR_BASE];
    const merged = tokens[left]! + tokens[right]!;
    const id = idOf.get(merged) ?? tokens.push(merged) - 1;
    idOf.set(merged, id);
    merges.push([tokens[left]!, tokens[right]!]);
    for (const word of words) word.ids = mergePair(word.ids, left, right, id);
  }
  return { tokens, merges };
}
