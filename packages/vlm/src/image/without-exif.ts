import type { ImageHeader } from './image-header.ts';

interface Block {
  readonly start: number;
  readonly end: number;
  readonly isExif: boolean;
}

function hasText(bytes: Uint8Array, at: number, text: string): boolean {
  return Array.from(text).every((character, i) => bytes[at + i] === character.charCodeAt(0));
}

/** The segments of a JPEG file between its start and its picture. */
function* jpegSegments(bytes: Uint8Array, view: DataView): Generator<Block> {
  const startOfScan = 0xda;
  for (let start = 2; start + 4 <= bytes.length && bytes[start] === 0xff && bytes[start + 1] !== startOfScan;) {
    const isFill = bytes[start + 1] === 0xff;
    const end = isFill ? start + 1 : start + 2 + view.getUint16(start + 2);
    yield { start, end, isExif: bytes[start + 1] === 0xe1 && hasText(bytes, start + 4, 'Exif') };
    start = end;
  }
}

function* pngChunks(bytes: Uint8Array, view: DataView): Generator<Block> {
  for (let start = 8; start + 12 <= bytes.length;) {
    const end = start + 12 + view.getUint32(start);
    yield { start, end, isExif: hasText(bytes, start + 4, 'eXIf') };
    start = end;
  }
}

function* webpChunks(bytes: Uint8Array, view: DataView): Generator<Block> {
  for (let start = 12; start + 8 <= bytes.length;) {
    const size = view.getUint32(start + 4, true);
    const end = start + 8 + size + (size % 2);
    yield { start, end, isExif: hasText(bytes, start, 'EXIF') };
    start = end;
  }
}

const BLOCKS = { jpeg: jpegSegments, png: pngChunks, webp: webpChunks };

/**
 * An image file without its EXIF data, for decoders that cannot be told to leave the orientation alone; the file itself
 * where it has none.
 */
export function withoutExif(bytes: Uint8Array, { format }: Pick<ImageHeader, 'format'>): Uint8Array {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const blocks = [...BLOCKS[format](bytes, view)].filter(({ isExif }) => isExif);
  if (blocks.length === 0) return bytes;
  if (format === 'webp') {
    // The sizes in a RIFF file would have to follow; a chunk of an unknown name is skipped.
    const copy = bytes.slice();
    for (const { start } of blocks) copy.set([0x58, 0x58, 0x58, 0x58], start);
    return copy;
  }
  let length = 0;
  const copy = new Uint8Array(bytes.length);
  let from = 0;
  for (const { start, end } of [...blocks, { start: bytes.length, end: bytes.length }]) {
    copy.set(bytes.subarray(from, start), length);
    length += start - from;
    from = Math.min(end, bytes.length);
  }
  return copy.subarray(0, length);
}
