import { createHash } from 'node:crypto';

import { type Corpus, SPRITE_BYTES, type Sprite } from '@latte-flow/cli/corpus';

import { type Concept, readConcepts } from './concepts.ts';
import { renderSprite } from './render.ts';
import { assignSplits } from './splits.ts';
import { openArt, styleOf, styleSources } from './styles.ts';

interface Drawing {
  readonly concept: Concept;
  readonly style: string;
  readonly pixels: Uint8Array;
}

/** Jobs in flight at once: enough to keep libvips' threads busy, few enough to bound memory. */
const CONCURRENCY = 8;

async function mapInOrder<T, R>(items: readonly T[], transform: (item: T) => Promise<R>): Promise<R[]> {
  const results = new Array<R>(items.length);
  let next = 0;
  const worker = async () => {
    for (let i = next++; i < items.length; i = next++) results[i] = await transform(items[i]!);
  };
  await Promise.all(Array.from({ length: CONCURRENCY }, worker));
  return results;
}

async function drawConcepts(
  concepts: readonly Concept[],
  onProgress: (done: number, total: number) => void,
): Promise<Drawing[]> {
  const arts = await Promise.all(
    styleSources.map(async (source) => ({ style: source.name, find: await openArt(source) })),
  );
  let done = 0;
  const drawings = await mapInOrder(concepts, async (concept) => {
    const drawn: Drawing[] = [];
    for (const { style, find } of arts) {
      const art = await find(concept.codePoint, concept.label);
      const pixels = art === undefined ? undefined : await renderSprite(art);
      if (pixels !== undefined) drawn.push({ concept, style, pixels });
    }
    onProgress(++done, concepts.length);
    return drawn;
  });
  return drawings.flat();
}

/** Keeps the first of drawings with equal pixels: art shared by code points would leak across splits. */
export function dropDuplicates<T extends { readonly pixels: Uint8Array }>(drawings: readonly T[]): T[] {
  const seen = new Set<string>();
  return drawings.filter(({ pixels }) => {
    const hash = createHash('sha256').update(pixels).digest('hex');
    const first = !seen.has(hash);
    seen.add(hash);
    return first;
  });
}

/** Draws concepts, by default all of them, in every style that has it, drops exact duplicates, then assigns the splits. */
export async function assembleCorpus(
  onProgress: (done: number, total: number) => void,
  concepts: readonly Concept[] = readConcepts(),
): Promise<{ corpus: Corpus; duplicates: number }> {
  const all = await drawConcepts(concepts, onProgress);
  const drawings = dropDuplicates(all);
  const stylesOf = new Map<string, string[]>();
  for (const { concept, style } of drawings) {
    stylesOf.set(concept.codePoint, [...(stylesOf.get(concept.codePoint) ?? []), style]);
  }
  const styles = styleSources.map(styleOf);
  const tierOf = new Map(styles.map(({ name, tier }) => [name, tier]));
  const pixels = new Uint8Array(drawings.length * SPRITE_BYTES);
  const sprites = drawings.map(({ concept, style, pixels: drawing }, i): Sprite => {
    const split = assignSplits(concept.codePoint, stylesOf.get(concept.codePoint)!).get(style)!;
    pixels.set(drawing, i * SPRITE_BYTES);
    return { ...concept, style, tier: tierOf.get(style)!, split, offset: i * SPRITE_BYTES };
  });
  return { corpus: { styles, sprites, pixels }, duplicates: all.length - drawings.length };
}

/** The part of a corpus that shows the given code points, with its pixels packed together. */
export function subsetCorpus(corpus: Corpus, codePoints: ReadonlySet<string>): Corpus {
  const chosen = corpus.sprites.filter(({ codePoint }) => codePoints.has(codePoint));
  const pixels = new Uint8Array(chosen.length * SPRITE_BYTES);
  const sprites: Sprite[] = [];
  for (const sprite of chosen) {
    const offset = sprites.length * SPRITE_BYTES;
    pixels.set(corpus.pixels.subarray(sprite.offset, sprite.offset + SPRITE_BYTES), offset);
    sprites.push({ ...sprite, offset });
  }
  return { styles: corpus.styles, sprites, pixels };
}
