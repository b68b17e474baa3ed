import { describeValue, elementCount, type Shape } from '@latte-flow/core';

import { DTYPE_BYTES, isDtype, type Dtype } from './dtype.ts';
import { findDuplicateKey } from './duplicate-keys.ts';
import { refuseFile } from './invalid.ts';
import type { RangedFile, RangeOptions } from './ranged-file.ts';

/** Where one tensor lies: bytes [begin, end) after the header. */
export interface TensorEntry {
  readonly name: string;
  readonly dtype: Dtype;
  readonly shape: Shape;
  readonly begin: number;
  readonly end: number;
}

export interface SafetensorsHeader {
  readonly entries: readonly TensorEntry[];
  readonly metadata: Readonly<Record<string, string>>;
  /** First byte of the tensors' data: 8 + length of the JSON text. */
  readonly dataStart: number;
}

/** The limit of the reference implementation. */
export const MAX_HEADER_BYTES = 100_000_000;
export const LENGTH_BYTES = 8;
export const METADATA_KEY = '__metadata__';

const WHERE = 'parseSafetensors';

/**
 * The length of the header, from the file's first 8 bytes; refused before anything of that size is allocated.
 * @throws LatteFlowError `checkpoint-invalid`
 */
export function headerLength(start: Uint8Array, fileBytes: number): number {
  if (start.length < LENGTH_BYTES) {
    refuseFile({ where: WHERE, expected: 'a file of at least 8 bytes', got: `${fileBytes} bytes` });
  }
  const view = new DataView(start.buffer, start.byteOffset, LENGTH_BYTES);
  const length = view.getBigUint64(0, true);
  if (length > MAX_HEADER_BYTES) {
    refuseFile({
      where: WHERE,
      expected: `a header of at most ${MAX_HEADER_BYTES} bytes`,
      got: `${length} bytes`,
      remedy: 'This is no safetensors file, or its first 8 bytes are damaged: check its name, download it again.',
    });
  }
  if (length > fileBytes - LENGTH_BYTES) {
    refuseFile({
      where: WHERE,
      expected: `a header of ${length} bytes`,
      got: `${fileBytes - LENGTH_BYTES} bytes of file after its length`,
    });
  }
  return Number(length);
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function parseHeaderText(text: Uint8Array): Record<string, unknown> {
  let json: string;
  let parsed: unknown;
  try {
    json = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(text);
    parsed = JSON.parse(json);
  } catch (cause) {
    return refuseFile({ where: WHERE, expected: 'a header of JSON in UTF-8', got: 'other bytes', cause });
  }
  if (!isRecord(parsed) || !json.startsWith('{')) {
    return refuseFile({ where: WHERE, expected: 'a header that is one JSON object', got: describeValue(parsed) });
  }
  const twice = findDuplicateKey(json);
  if (twice !== undefined) {
    refuseFile({
      where: WHERE,
      expected: 'every name once in the header',
      got: `${describeValue(twice)} twice`,
      remedy: 'Readers would disagree about this file: export it again.',
      data: { name: twice },
    });
  }
  return parsed;
}

function readMetadata(value: unknown): Record<string, string> {
  if (!isRecord(value) || !Object.values(value).every((entry) => typeof entry === 'string')) {
    return refuseFile({
      where: WHERE,
      expected: `${METADATA_KEY} to be an object of strings`,
      got: describeValue(value),
      remedy: 'Export the file with metadata that maps strings to strings.',
    });
  }
  return value as Record<string, string>;
}

function isCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
}

function readEntry(name: string, value: unknown, dataBytes: number): TensorEntry {
  const refuse = (what: string, got: unknown): never =>
    refuseFile({
      where: WHERE,
      expected: `tensor ${describeValue(name)} to have ${what}`,
      got: describeValue(got),
      data: { tensor: name },
    });
  if (!isRecord(value)) return refuse('an object with dtype, shape and data_offsets', value);
  const { dtype, shape, data_offsets: range } = value;
  if (!isDtype(dtype)) return refuse(`a dtype of ${Object.keys(DTYPE_BYTES).join(', ')}`, dtype);
  if (!Array.isArray(shape) || !shape.every(isCount)) return refuse('a shape of integers >= 0', shape);
  if (!Array.isArray(range) || range.length !== 2 || !range.every(isCount))
    return refuse('data_offsets of two integers >= 0', range);
  const [begin, end] = range as [number, number];
  if (begin > end) return refuse('data_offsets [begin, end] with begin <= end', range);
  if (end > dataBytes) return refuse(`data_offsets within the file's ${dataBytes} bytes of data`, range);
  const needed = elementCount(shape) * DTYPE_BYTES[dtype];
  if (needed !== end - begin) return refuse(`${needed} bytes (${dtype} ${JSON.stringify(shape)})`, end - begin);
  return { name, dtype, shape, begin, end };
}

/** The tensors must tile the data: no byte unused, none used twice (as the reference implementation demands). */
function requireTiling(entries: readonly TensorEntry[], dataBytes: number): void {
  const ordered = [...entries].sort((a, b) => a.begin - b.begin || a.end - b.end);
  let reached = 0;
  for (const { name, begin, end } of ordered) {
    if (begin !== reached) {
      const flaw = begin < reached ? 'an overlap with the tensor before it' : 'a gap';
      refuseFile({
        where: WHERE,
        expected: `tensor ${describeValue(name)} to begin at byte ${reached}`,
        got: `${flaw}: it begins at ${begin}`,
        data: { tensor: name },
      });
    }
    reached = end;
  }
  if (reached !== dataBytes) {
    const last = ordered.at(-1)?.name;
    refuseFile({
      where: WHERE,
      expected: `the data to end with ${last === undefined ? 'the header' : `tensor ${describeValue(last)}`} at byte ${reached}`,
      got: `${dataBytes} bytes of data`,
      data: { tensor: last },
    });
  }
}

/**
 * Reads and checks a header: its JSON text, and how many bytes of data follow it.
 * Source: the format's description in github.com/huggingface/safetensors.
 * @throws LatteFlowError `checkpoint-invalid`, naming the tensor where it is one tensor's fault.
 */
export function parseHeader(text: Uint8Array, dataBytes: number): SafetensorsHeader {
  const { [METADATA_KEY]: metadata = {}, ...tensors } = parseHeaderText(text);
  const entries = Object.entries(tensors).map(([name, value]) => readEntry(name, value, dataBytes));
  requireTiling(entries, dataBytes);
  return { entries, metadata: readMetadata(metadata), dataStart: LENGTH_BYTES + text.length };
}

/**
 * Reads the header of a file, and nothing else of it.
 * @throws LatteFlowError `checkpoint-invalid` as `parseHeader`, `file-not-found` if reading fails
 */
export async function readHeader(file: RangedFile, options: RangeOptions): Promise<SafetensorsHeader> {
  const start = new Uint8Array(Math.min(LENGTH_BYTES, file.size));
  await file.readInto(start, 0, options);
  const text = new Uint8Array(headerLength(start, file.size));
  await file.readInto(text, LENGTH_BYTES, options);
  return parseHeader(text, file.size - LENGTH_BYTES - text.length);
}
