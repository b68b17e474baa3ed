import { mkdir, rename, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';

import { readCorpus } from '@latte-flow/cli/corpus';

import { readConcepts } from '../corpus/concepts.ts';
import { trainBytePairs } from './byte-pair-encoding.ts';
import { specialTokens, tokenizerConfig, tokenizerJson } from './tokenizer-files.ts';
import { countWords } from './training-text.ts';

const USAGE = `Usage: train.ts [--corpus DIR] [--size N] [--out DIR]
Trains the byte-level tokenizer of the shipped model and writes tokenizer.json and tokenizer_config.json.
`;

const root = resolve(import.meta.dirname, '../..');
const { values } = parseArgs({
  options: {
    corpus: { type: 'string', default: join(root, '.cache/corpus/concepts') },
    size: { type: 'string', default: '1280' },
    out: { type: 'string', default: join(root, 'packages/emoji/checkpoint/vlm') },
    help: { type: 'boolean' },
  },
});

async function writeJson(folder: string, name: string, content: object): Promise<void> {
  const unfinished = join(folder, `.${name}.${process.pid}.tmp`);
  await writeFile(unfinished, `${JSON.stringify(content, undefined, 1)}\n`);
  await rename(unfinished, join(folder, name));
}

if (values.help) {
  process.stdout.write(USAGE);
} else {
  const size = Number(values.size);
  const smallest = 256 + specialTokens.length;
  if (!Number.isInteger(size) || size < smallest) {
    throw new Error(`--size: expected an integer >= ${smallest}, got ${values.size}. Pass the size of the vocabulary.`);
  }
  const corpus = await readCorpus(values.corpus);
  const labels = readConcepts().map(({ label }) => label);
  const counts = countWords(corpus, { labels, scenes: 20_000, seed: 0 });
  const encoding = trainBytePairs(counts, { size: size - specialTokens.length });
  const reached = encoding.tokens.length + specialTokens.length;
  if (reached < size)
    throw new Error(`--size: the text has merges for ${reached} tokens only, got ${size}. Ask for fewer.`);
  await mkdir(values.out, { recursive: true });
  await writeJson(values.out, 'tokenizer.json', tokenizerJson(encoding));
  await writeJson(values.out, 'tokenizer_config.json', tokenizerConfig(encoding));
  process.stderr.write(`${reached} tokens, ${encoding.merges.length} merges, from ${counts.size} words\n`);
  process.stdout.write(`${values.out}\n`);
}
