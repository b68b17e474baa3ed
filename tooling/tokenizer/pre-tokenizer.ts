/** How Qwen2 cuts a text into words before the merges: contractions, letters, single digits, punctuation, space. */
export const WORD_PATTERN =
  "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+";

const words = new RegExp(WORD_PATTERN, 'gu');

function isPrintable(byte: number): boolean {
  return (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte <= 0xac) || (byte >= 0xae && byte <= 0xff);
}

/**
 * The byte-level alphabet of GPT-2: byte -> one visible character. Printable bytes stand for themselves, the others
 * take the characters from U+0100 on in order, so that a space is `Ġ` and a line feed `Ċ`.
 */
export const byteCharacters: readonly string[] = (() => {
  let shifted = 0;
  return Array.from({ length: 256 }, (_, byte) => String.fromCharCode(isPrintable(byte) ? byte : 0x100 + shifted++));
})();

const utf8 = new TextEncoder();

/** The words of a text in normal form C, spelt in the byte-level alphabet. */
export function splitWords(text: string): string[] {
  return Array.from(text.normalize('NFC').matchAll(words), ([word]) =>
    Array.from(utf8.encode(word), (byte) => byteCharacters[byte]!).join(''),
  );
}
