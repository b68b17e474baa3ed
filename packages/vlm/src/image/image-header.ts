/** What the first bytes of an image file say about it. */
export interface ImageHeader {
  readonly format: 'png' | 'jpeg' | 'webp';
  readonly width: number;
  readonly height: number;
  /** True for JPEG files of four inks. */
  readonly cmyk: boolean;
}

const PNG_SIGNATURE = [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a];

function hasBytes(view: DataView, at: number, expected: readonly number[]): boolean {
  return at + expected.length <= view.byteLength && expected.every((byte, i) => view.getUint8(at + i) === byte);
}

function hasText(view: DataView, at: number, text: string): boolean {
  return hasBytes(
    view,
    at,
    Array.from(text, (character) => character.charCodeAt(0)),
  );
}

/** IHDR is the first chunk of every PNG (ISO/IEC 15948, 11.2.2). */
function pngHeader(view: DataView): ImageHeader | undefined {
  if (view.byteLength < 24 || !hasText(view, 12, 'IHDR')) return undefined;
  return { format: 'png', width: view.getUint32(16), height: view.getUint32(20), cmyk: false };
}

/** Frame headers SOF0 to SOF15 without the tables and extensions among them (ITU-T T.81, table B.1). */
function isStartOfFrame(marker: number): boolean {
  return marker >= 0xc0 && marker <= 0xcf && marker !== 0xc4 && marker !== 0xc8 && marker !== 0xcc;
}

function jpegHeader(view: DataView): ImageHeader | undefined {
  let at = 2;
  while (at + 10 <= view.byteLength && view.getUint8(at) === 0xff) {
    const marker = view.getUint8(at + 1);
    if (isStartOfFrame(marker)) {
      return {
        format: 'jpeg',
        height: view.getUint16(at + 5),
        width: view.getUint16(at + 7),
        cmyk: view.getUint8(at + 9) === 4,
      };
    }
    // Fill bytes, and markers that stand alone, have no length.
    const isBare = marker === 0xff || marker === 0x01 || (marker >= 0xd0 && marker <= 0xd8);
    at += marker === 0xff ? 1 : isBare ? 2 : 2 + view.getUint16(at + 2);
  }
  return undefined;
}

/** The canvas of an extended file (VP8X), or the frame of a simple one (RFC 9649). */
function webpHeader(view: DataView): ImageHeader | undefined {
  if (view.byteLength < 30) return undefined;
  const uint24 = (at: number): number => view.getUint16(at, true) + view.getUint8(at + 2) * 2 ** 16;
  const header = (width: number, height: number): ImageHeader => ({ format: 'webp', width, height, cmyk: false });
  if (hasText(view, 12, 'VP8X')) return header(uint24(24) + 1, uint24(27) + 1);
  if (hasText(view, 12, 'VP8L')) {
    const bits = view.getUint32(21, true);
    return header((bits & 0x3fff) + 1, ((bits >>> 14) & 0x3fff) + 1);
  }
  if (!hasText(view, 12, 'VP8 ')) return undefined;
  return header(view.getUint16(26, true) & 0x3fff, view.getUint16(28, true) & 0x3fff);
}

/** Format and size of a PNG, JPEG or WebP file without decoding it; undefined for anything else. */
export function readImageHeader(bytes: Uint8Array): ImageHeader | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (hasBytes(view, 0, PNG_SIGNATURE)) return pngHeader(view);
  if (hasBytes(view, 0, [0xff, 0xd8, 0xff])) return jpegHeader(view);
  if (hasText(view, 0, 'RIFF') && hasText(view, 8, 'WEBP')) return webpHeader(view);
  return undefined;
}
