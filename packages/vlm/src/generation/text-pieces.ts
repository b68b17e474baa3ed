/** What incremental decoding needs of a tokenizer. */
export interface TokenDecoder {
  /** The text of tokens, special ones left out; bytes that are not UTF-8 become U+FFFD. */
  decode(ids: readonly number[]): string;
}

const REPLACEMENT = '\uFFFD';

/**
 * Turns tokens into pieces of text whose concatenation is the text of all tokens. A piece never ends inside a code
 * point: bytes of an unfinished one wait for the rest, or for the end.
 */
export async function* textPieces(
  tokens: AsyncIterable<number>,
  decoder: TokenDecoder,
): AsyncGenerator<string, void, void> {
  // Some decoders treat the start of a text specially, so a window of the last tokens shown stays in front.
  let shown: number[] = [];
  let pending: number[] = [];
  const unseen = (): string => decoder.decode([...shown, ...pending]).slice(decoder.decode(shown).length);
  for await (const token of tokens) {
    pending.push(token);
    const piece = unseen();
    if (piece === '' || piece.endsWith(REPLACEMENT)) continue;
    yield piece;
    shown = pending;
    pending = [];
  }
  const rest = pending.length > 0 ? unseen() : '';
  if (rest !== '') yield rest;
}
