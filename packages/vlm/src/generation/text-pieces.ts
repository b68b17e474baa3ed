import { StopStrings } from './stop-strings.ts';

/** What incremental decoding needs of a tokenizer. */
export interface TokenDecoder {
  /** The text of tokens, special ones left out; bytes that are not UTF-8 become U+FFFD. */
  decode(ids: readonly number[]): string;
}

const REPLACEMENT = '\uFFFD';

/**
 * Turns the tokens of one answer into pieces of text. A piece never ends inside a code point: bytes of an unfinished
 * one wait for the rest, or for the end. It never holds a part of a stop string either, and the text ends before the
 * first of these.
 */
export class TextAssembler {
  readonly #decoder: TokenDecoder;
  readonly #stops: StopStrings;
  // Some decoders treat the start of a text specially, so a window of the last tokens shown stays in front.
  #shown: number[] = [];
  #pending: number[] = [];

  /** @throws LatteFlowError `invalid-argument` for stop strings without text */
  constructor(decoder: TokenDecoder, stop?: readonly string[]) {
    this.#decoder = decoder;
    this.#stops = new StopStrings(stop);
  }

  /** True once a stop string has come: what follows is not shown. */
  get isOver(): boolean {
    return this.#stops.found;
  }

  #unseen(): string {
    return this.#decoder.decode([...this.#shown, ...this.#pending]).slice(this.#decoder.decode(this.#shown).length);
  }

  /** Takes the next token; returns what can be shown now, often nothing. */
  push(token: number): string {
    this.#pending.push(token);
    const piece = this.#unseen();
    if (piece === '' || piece.endsWith(REPLACEMENT)) return '';
    this.#shown = this.#pending;
    this.#pending = [];
    return this.#stops.push(piece);
  }

  /** The answer is over; returns what waited. */
  finish(): string {
    const piece = this.#pending.length > 0 ? this.#unseen() : '';
    this.#pending = [];
    return this.#stops.push(piece) + this.#stops.finish();
  }
}

/**
 * Turns tokens into pieces of text whose concatenation is the text of all tokens, up to the first stop string. Code
 * points and stop strings are never split.
 * @throws LatteFlowError `invalid-argument` for stop strings without text
 */
export async function* textPieces(
  tokens: AsyncIterable<number>,
  decoder: TokenDecoder,
  options: { readonly stop?: readonly string[] } = {},
): AsyncGenerator<string, void, void> {
  const text = new TextAssembler(decoder, options.stop);
  for await (const token of tokens) {
    const piece = text.push(token);
    if (piece !== '') yield piece;
    if (text.isOver) return;
  }
  const rest = text.finish();
  if (rest !== '') yield rest;
}
