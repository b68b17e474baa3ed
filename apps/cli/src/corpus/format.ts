import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

import { describeValue, LatteFlowError } from '@latte-flow/core';

/** Version of the folder layout: `corpus.json` beside `sprites.bin`. */
export const CORPUS_VERSION = 1;
/** Width and height of every sprite, in pixels. */
export const SPRITE_SIZE = 64;
/** Bytes of one sprite: 64 x 64 straight-alpha RGBA. */
export const SPRITE_BYTES = SPRITE_SIZE * SPRITE_SIZE * 4;

export const licenceTiers = ['core', 'attribution'] as const;
/** `core`: MIT and Apache-2.0 art. `attribution`: CC-BY-4.0 art, whose authors the NOTICE names. */
export type LicenceTier = (typeof licenceTiers)[number];

export const splits = ['train', 'val', 'test-pair', 'test-concept'] as const;
/**
 * `test-concept`: concepts never trained on, in any style; `test-pair`: one style held out of a concept that is
 * trained on in the others; `val`: further pairs for tuning; `train`: the rest.
 */
export type Split = (typeof splits)[number];

export interface Style {
  /** The word of the captions, e.g. `noto`. */
  readonly name: string;
  /** Package and version that the art comes from. */
  readonly source: string;
  /** SPDX identifier of the art's licence. */
  readonly licence: string;
  readonly tier: LicenceTier;
}

/** One picture of one concept in one style, trimmed to its bounding box and scaled to fit 64 x 64. */
export interface Sprite {
  /** Upper-case hexadecimal code points joined by `-`, e.g. `1F34E`. */
  readonly codePoint: string;
  /** The concept in words, e.g. `red apple`. */
  readonly label: string;
  /** Name of one of the corpus's styles. */
  readonly style: string;
  readonly group: string;
  readonly subgroup: string;
  readonly tags: readonly string[];
  readonly tier: LicenceTier;
  readonly split: Split;
  /** Where its `SPRITE_BYTES` start in `sprites.bin`. */
  readonly offset: number;
}

export interface Corpus {
  readonly styles: readonly Style[];
  readonly sprites: readonly Sprite[];
  /** `sprites.bin`: uint8 RGBA with straight alpha, row by row. */
  readonly pixels: Uint8Array;
}

function refuse(where: string, expected: string, got: string): never {
  throw new LatteFlowError('checkpoint-invalid', {
    where,
    expected,
    got,
    remedy: 'Build the corpus again with `npm run corpus`.',
  });
}

function field<T>(record: unknown, name: string, accepts: (value: unknown) => value is T): T {
  const value = typeof record === 'object' && record !== null ? (record as Record<string, unknown>)[name] : undefined;
  if (accepts(value)) return value;
  return refuse('parseCorpus', `corpus.json with a valid ${name}`, describeValue(value));
}

const isText = (value: unknown): value is string => typeof value === 'string' && value.length > 0;
const isList = (value: unknown): value is readonly unknown[] => Array.isArray(value);
const isTextList = (value: unknown): value is readonly string[] => isList(value) && value.every(isText);
const isTier = (value: unknown): value is LicenceTier => licenceTiers.some((tier) => tier === value);
const isSplit = (value: unknown): value is Split => splits.some((split) => split === value);

function parseStyle(record: unknown): Style {
  return {
    name: field(record, 'name', isText),
    source: field(record, 'source', isText),
    licence: field(record, 'licence', isText),
    tier: field(record, 'tier', isTier),
  };
}

/**
 * Reads the two parts of a corpus folder and checks them against each other. Borrows `pixels`.
 * @throws LatteFlowError `checkpoint-invalid` if a field is missing or wrong, or an offset points outside `pixels`.
 */
export function parseCorpus(json: unknown, pixels: Uint8Array): Corpus {
  field(json, 'version', (value): value is number => value === CORPUS_VERSION);
  field(json, 'size', (value): value is number => value === SPRITE_SIZE);
  const styles = field(json, 'styles', isList).map(parseStyle);
  const isStyle = (value: unknown): value is string => styles.some((style) => style.name === value);
  const isOffset = (value: unknown): value is number =>
    Number.isSafeInteger(value) && (value as number) >= 0 && (value as number) + SPRITE_BYTES <= pixels.byteLength;
  const sprites = field(json, 'sprites', isList).map((record) => ({
    codePoint: field(record, 'code_point', isText),
    label: field(record, 'label', isText),
    style: field(record, 'style', isStyle),
    group: field(record, 'group', isText),
    subgroup: field(record, 'subgroup', isText),
    tags: field(record, 'tags', isTextList),
    tier: field(record, 'tier', isTier),
    split: field(record, 'split', isSplit),
    offset: field(record, 'offset', isOffset),
  }));
  if (sprites.length === 0) refuse('parseCorpus', 'at least one sprite', 'none');
  return { styles, sprites, pixels };
}

/** The JSON text of `corpus.json`, one sprite a line; the inverse of `parseCorpus`. */
export function formatCorpus(corpus: Pick<Corpus, 'styles' | 'sprites'>): string {
  const lines = (records: readonly unknown[]) => records.map((record) => `    ${JSON.stringify(record)}`).join(',\n');
  const sprites = corpus.sprites.map(({ codePoint, ...rest }) => ({ code_point: codePoint, ...rest }));
  return (
    `{\n  "version": ${CORPUS_VERSION},\n  "size": ${SPRITE_SIZE},\n` +
    `  "styles": [\n${lines(corpus.styles)}\n  ],\n  "sprites": [\n${lines(sprites)}\n  ]\n}\n`
  );
}

async function readPart(folder: string, name: string): Promise<Buffer> {
  try {
    return await readFile(join(folder, name));
  } catch (cause) {
    throw new LatteFlowError('file-not-found', {
      where: 'readCorpus',
      expected: `a corpus folder with ${name}`,
      got: describeValue(folder),
      remedy: 'Build the corpus with `npm run corpus`, or name the folder that holds it.',
      data: { folder, name },
      cause,
    });
  }
}

/**
 * Reads a corpus folder.
 * @throws LatteFlowError `file-not-found` if a part is missing, `checkpoint-invalid` if its content is not a corpus.
 */
export async function readCorpus(folder: string): Promise<Corpus> {
  const [text, pixels] = await Promise.all([readPart(folder, 'corpus.json'), readPart(folder, 'sprites.bin')]);
  let json: unknown;
  try {
    json = JSON.parse(text.toString('utf8'));
  } catch (cause) {
    throw new LatteFlowError('checkpoint-invalid', {
      where: 'readCorpus',
      expected: 'corpus.json to be JSON',
      got: describeValue(text.toString('utf8')),
      remedy: 'Build the corpus again with `npm run corpus`.',
      cause,
    });
  }
  return parseCorpus(json, pixels);
}
