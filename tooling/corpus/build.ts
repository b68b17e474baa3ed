import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import { parseArgs } from 'node:util';

import { type Corpus, formatCorpus, readCorpus } from '@latte-flow/cli/corpus';

import { assembleCorpus, subsetCorpus } from './assemble.ts';
import { noticeText } from './notice.ts';
import { progressBar } from './progress-bar.ts';
import { rendererVersion } from './render.ts';
import { packageVersion, styleSources } from './styles.ts';

/** Raise it when the same packages should give another corpus. */
const BUILDER_VERSION = 1;

const root = resolve(import.meta.dirname, '../..');
const cacheRoot = join(root, '.cache/corpus');
const fullFolder = join(cacheRoot, 'full');

function cacheKey(): string {
  const packages = [...styleSources.map(({ packageName }) => packageName), 'emojibase-data'].map(packageVersion);
  return [`builder@${BUILDER_VERSION}`, ...packages, rendererVersion].join('\n');
}

/** Writes each file under a temporary name first, and `corpus.json` last: where it is, the rest is whole. */
async function writeCorpus(folder: string, corpus: Corpus): Promise<void> {
  await mkdir(folder, { recursive: true });
  const files: readonly (readonly [string, string | Uint8Array])[] = [
    ['sprites.bin', corpus.pixels],
    ['NOTICE', noticeText()],
    ['corpus.json', formatCorpus(corpus)],
  ];
  for (const [name, content] of files) {
    const unfinished = join(folder, `.${name}.${process.pid}.tmp`);
    await writeFile(unfinished, content);
    await rename(unfinished, join(folder, name));
  }
}

/** The full corpus: from the cache where the packages and the builder are those of the last run. */
async function fullCorpus(): Promise<Corpus> {
  const keyFile = join(fullFolder, 'key.txt');
  const cachedKey = await readFile(keyFile, 'utf8').catch(() => undefined);
  if (cachedKey === cacheKey()) return readCorpus(fullFolder);
  await rm(keyFile, { force: true });
  const draw = progressBar('Drawing concepts');
  const { corpus, duplicates } = await assembleCorpus(draw);
  process.stderr.write(`Dropped ${duplicates} exact duplicates.\n`);
  await writeCorpus(fullFolder, corpus);
  await writeFile(keyFile, cacheKey());
  return corpus;
}

async function readConceptList(file: string): Promise<ReadonlySet<string>> {
  const list: unknown = JSON.parse(await readFile(file, 'utf8'));
  if (typeof list !== 'object' || list === null || Array.isArray(list)) {
    throw new Error(`${file}: expected a JSON object of code point -> label. See tooling/corpus/concepts.json.`);
  }
  return new Set(Object.keys(list));
}

const USAGE = 'Usage: build.ts [--concepts FILE] [--out DIR]\n';

const options = { concepts: { type: 'string' }, out: { type: 'string' }, help: { type: 'boolean' } } as const;
const { values } = parseArgs({ options });
if (values.help) {
  process.stdout.write(USAGE);
} else {
  const listed = values.concepts === undefined ? undefined : await readConceptList(values.concepts);
  const full = await fullCorpus();
  const known = new Set(full.sprites.map(({ codePoint }) => codePoint));
  const missing = [...(listed ?? [])].filter((codePoint) => !known.has(codePoint));
  if (missing.length > 0) {
    throw new Error(`${values.concepts}: no art for ${missing.join(', ')}. Remove them from the list.`);
  }
  const corpus = listed === undefined ? full : subsetCorpus(full, listed);
  const name = values.concepts === undefined ? 'full' : basename(values.concepts, '.json');
  const out = values.out === undefined ? join(cacheRoot, name) : resolve(values.out);
  if (out !== fullFolder) await writeCorpus(out, corpus);
  process.stderr.write(`${corpus.sprites.length} sprites of ${listed?.size ?? known.size} concepts\n`);
  process.stdout.write(`${out}\n`);
}
