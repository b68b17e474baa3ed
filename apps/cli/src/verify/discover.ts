import { readdir, readFile, realpath } from 'node:fs/promises';
import { join } from 'node:path';

/** A parsed JSON object of any content. */
export type Json = Readonly<Record<string, unknown>>;

/** Something to verify: a folder (`config.json` beside tensors), or one JSON file. */
export interface Fixture {
  /** The folder or the file, below the folder that was asked for as it was spelled. */
  readonly path: string;
  readonly kind: string;
  /** `config.json` of the folder, or the file itself. */
  readonly content: Json;
  /** Why it cannot be read; then `content` is empty. */
  readonly problem?: string;
}

/** Files that make a folder a fixture, whatever its config says. */
const TENSORS = ['fixture.safetensors', 'golden.safetensors'];
const UNKNOWN = 'unknown';
/** Fixtures of this kind are reading, not a check. */
const READING = 'notes';

function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

async function readObject(path: string): Promise<Json> {
  const content: unknown = JSON.parse(await readFile(path, 'utf8'));
  if (!isObject(content)) throw new TypeError(`${path} holds no object`);
  return content;
}

function kindOf(content: Json, names: readonly string[]): string {
  const kind = names.map((name) => content[name]).find((value) => typeof value === 'string');
  return typeof kind === 'string' ? kind : UNKNOWN;
}

async function readFixture(
  path: string,
  { file, kindFields }: { file: string; kindFields: readonly string[] },
): Promise<Fixture> {
  try {
    const content = await readObject(file);
    return { path, kind: kindOf(content, kindFields), content };
  } catch (error) {
    const problem = `${file} cannot be read: ${error instanceof Error ? error.message : String(error)}`;
    return { path, kind: UNKNOWN, content: {}, problem };
  }
}

/** The folder as a fixture, if it is one: a VLM's goes by its model type, all others by their `kind`. */
async function folderFixture(folder: string, files: readonly string[]): Promise<Fixture | undefined> {
  const hasConfig = files.includes('config.json');
  if (TENSORS.some((name) => files.includes(name)) || (hasConfig && files.includes('golden.json'))) {
    const file = join(folder, hasConfig || !files.includes('golden.json') ? 'config.json' : 'golden.json');
    return readFixture(folder, { file, kindFields: ['kind', 'model_type', '_class_name', 'model'] });
  }
  if (!hasConfig) return undefined;
  const fixture = await readFixture(folder, { file: join(folder, 'config.json'), kindFields: ['kind'] });
  return fixture.kind === UNKNOWN && fixture.problem === undefined ? undefined : fixture;
}

async function* below(folder: string): AsyncGenerator<Fixture> {
  const entries = (await readdir(folder, { withFileTypes: true })).sort((a, b) => (a.name < b.name ? -1 : 1));
  const files = entries.filter((entry) => !entry.isDirectory()).map(({ name }) => name);
  const own = await folderFixture(folder, files);
  if (own !== undefined) {
    yield own;
  } else {
    for (const name of files.filter((file) => file.endsWith('.json'))) {
      const path = join(folder, name);
      const fixture = await readFixture(path, { file: path, kindFields: ['kind'] });
      if (fixture.problem !== undefined || (fixture.kind !== UNKNOWN && fixture.kind !== READING)) yield fixture;
    }
  }
  for (const entry of entries) {
    if (entry.isDirectory()) yield* below(join(folder, entry.name));
  }
}

/** Every fixture below the folders, in the order of their paths, each once. */
export async function discoverFixtures(folders: readonly string[]): Promise<Fixture[]> {
  const found = new Map<string, Fixture>();
  for (const folder of folders) {
    for await (const fixture of below(folder)) {
      const place = await realpath(fixture.path);
      if (!found.has(place)) found.set(place, fixture);
    }
  }
  return [...found.values()];
}
