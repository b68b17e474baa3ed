import { PHILOX_WASM } from './philox-wasm.ts';
import { philoxBlock, type PhiloxCounter, type PhiloxKey } from './philox.ts';

const WORDS_PER_BLOCK = 4;
/** Words of a chunk: what the module's memory holds, and little enough to stay in a processor's cache. */
const CHUNK = 16_384;

/** The last three words of a counter, whose first one counts blocks. */
export type PhiloxStream = readonly [PhiloxCounter[1], PhiloxCounter[2], PhiloxCounter[3]];

/** Draws `count` blocks from block `first` on. The words belong to the filler, until its next call. */
export type FillBlocks = (first: number, count: number, stream: PhiloxStream, key: PhiloxKey) => Uint32Array;

/** The filler of the WebAssembly module; undefined where there is none, or a page's policy forbids it. */
export function compiledFiller(): FillBlocks | undefined {
  let exported: WebAssembly.Exports;
  try {
    const bytes = Uint8Array.from(atob(PHILOX_WASM), (character) => character.charCodeAt(0));
    exported = new WebAssembly.Instance(new WebAssembly.Module(bytes)).exports;
  } catch {
    return undefined;
  }
  const fill = exported['fill'] as (first: number, count: number, ...rest: number[]) => void;
  const words = new Uint32Array((exported['memory'] as WebAssembly.Memory).buffer);
  return (first, count, stream, key) => {
    fill(first, count, ...stream, ...key);
    return words;
  };
}

/** The same words by `philoxBlock`. */
export function plainFiller(): FillBlocks {
  const words = new Uint32Array(CHUNK);
  return (first, count, stream, key) => {
    for (let i = 0; i < count; i++) philoxBlock([first + i, ...stream], key, words, i * WORDS_PER_BLOCK);
    return words;
  };
}

let filler: FillBlocks | undefined;

/**
 * Visits the first `length` words of a stream, chunk by chunk: `words[i]`, i < `count`, is word `start + i`. Chunks start at whole
 * blocks; their words are to be read in the visit.
 */
export function eachWords(
  length: number,
  { stream, key }: { readonly stream: PhiloxStream; readonly key: PhiloxKey },
  visit: (words: Uint32Array, start: number, count: number) => void,
): void {
  filler ??= compiledFiller() ?? plainFiller();
  for (let start = 0; start < length; start += CHUNK) {
    const count = Math.min(CHUNK, length - start);
    visit(filler(start / WORDS_PER_BLOCK, Math.ceil(count / WORDS_PER_BLOCK), stream, key), start, count);
  }
}
