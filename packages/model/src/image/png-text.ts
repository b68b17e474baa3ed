/** Where the chunks after a PNG file's signature (8 bytes) and header chunk (25 bytes) begin. */
const AFTER_HEADER = 33;

function crc32(bytes: Uint8Array): number {
  let crc = -1;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0xedb88320 : 0);
  }
  return ~crc >>> 0;
}

/** True for text that PNG's plain `tEXt` chunks can hold. */
export function isLatin1(text: string): boolean {
  // oxlint-disable-next-line no-control-regex
  return /^[\u0001-\u00ff]*$/.test(text);
}

/** An uncompressed `iTXt` chunk: keyword, two flags, no language, no translation, UTF-8 text. */
function internationalText(keyword: string, text: string): Uint8Array {
  const body = new TextEncoder().encode(`iTXt${keyword}\0\0\0\0\0${text}`);
  const chunk = new Uint8Array(body.length + 8);
  const view = new DataView(chunk.buffer);
  view.setUint32(0, body.length - 4);
  chunk.set(body, 4);
  view.setUint32(4 + body.length, crc32(body));
  return chunk;
}

/**
 * The PNG file with the entries as international text chunks after its header.
 * @see PNG specification, third edition, 11.3.3.4 (iTXt)
 */
export function withInternationalText(png: Uint8Array, entries: readonly (readonly [string, string])[]): Uint8Array {
  const chunks = entries.map(([keyword, text]) => internationalText(keyword, text));
  const parts = [png.subarray(0, AFTER_HEADER), ...chunks, png.subarray(AFTER_HEADER)];
  const out = new Uint8Array(parts.reduce((total, { length }) => total + length, 0));
  let at = 0;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}
