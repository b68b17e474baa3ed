import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

import { encodeSafetensors, openFileStore, readWeights, type FileStore, type TensorView } from '@latte-flow/checkpoint';
import { parseVisionLanguageConfig, VisionLanguageModel } from '@latte-flow/vlm';

import { list, type Quantity } from '../compare.ts';
import { EXACT, type FixtureReport } from '../report.ts';
import { exists, type GoldenVlm } from './vlm-golden.ts';

const CONFIG = 'config_v5.json';
const NAMES = 'names_v5.json';

/** `config_v5.json` and `names_v5.json`, as transformers 5 spells them, must mean the same model. */
export async function checkSpellings(golden: GoldenVlm, report: FixtureReport): Promise<void> {
  const { model } = golden;
  const path = (file: string): string => join(golden.folder, file);
  const readJson = async (file: string): Promise<unknown> => JSON.parse(await readFile(path(file), 'utf8'));
  const store = await openFileStore(golden.folder);
  if (await exists(path(CONFIG))) {
    await report.compare(CONFIG, EXACT, async () =>
      sameLeaves(parseVisionLanguageConfig(await readJson(CONFIG)), model.config),
    );
  }
  if (!(await exists(path(NAMES)))) return;
  await report.compare(NAMES, EXACT, async () => {
    const names = (await readJson(NAMES)) as Readonly<Record<string, string>>;
    const config = await store.read((await exists(path(CONFIG))) ? CONFIG : 'config.json');
    const weights = encodeSafetensors(renamedWeights(await readWeights(store), names));
    const files = { 'config.json': config, 'model.safetensors': weights };
    using other = await VisionLanguageModel.fromPretrained(overlay(store, files), { dtype: report.dtype });
    return await sameParameters(other, model);
  });
}

/** The weights under their other names. */
function renamedWeights(
  weights: ReadonlyMap<string, TensorView>,
  names: Readonly<Record<string, string>>,
): Map<string, TensorView> {
  const renamed = new Map<string, TensorView>();
  for (const [name, view] of weights) {
    const other = names[name];
    if (other === undefined) throw new Error(`${NAMES} has no name for ${name}.`);
    renamed.set(other, view);
  }
  return renamed;
}

/** A store with some files replaced. */
function overlay(store: FileStore, files: Readonly<Record<string, Uint8Array>>): FileStore {
  return {
    location: store.location,
    exists: async (path) => path in files || store.exists(path),
    read: async (path, options) => files[path] ?? store.read(path, options),
  };
}

function leaves(value: unknown, path = ''): [string, unknown][] {
  if (typeof value !== 'object' || value === null) return [[path, value]];
  return Object.entries(value).flatMap(([key, inner]) => leaves(inner, `${path}.${key}`));
}

/** Ones where a field is the same on both sides, against ones. */
function sameLeaves(actual: object, expected: object): [Quantity, Quantity] {
  const [a, b] = [new Map(leaves(actual)), new Map(leaves(expected))];
  const fields = [...new Set([...a.keys(), ...b.keys()])];
  return [list(fields.map((field) => Number(Object.is(a.get(field), b.get(field))))), list(fields.map(() => 1))];
}

/** All values of all parameters, by the names of the second model. */
async function sameParameters(
  actual: VisionLanguageModel,
  expected: VisionLanguageModel,
): Promise<[Quantity, Quantity]> {
  const [a, b] = [await actual.parameters.download(), await expected.parameters.download()];
  const joined = (side: typeof a): Quantity =>
    list([...b.keys()].flatMap((name) => Array.from(side.get(name)?.values ?? [])));
  return [joined(a), joined(b)];
}
