import { readFileSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';

import type { Style } from '@latte-flow/cli/corpus';

const require = createRequire(import.meta.url);

/** Where the art of one style comes from, and whom to thank for it. */
export interface StyleSource {
  /** The word of the captions. */
  readonly name: string;
  readonly packageName: string;
  readonly title: string;
  readonly authors: string;
  readonly homepage: string;
  readonly licence: 'Apache-2.0' | 'MIT' | 'CC-BY-4.0';
}

/** The styles whose licences allow released weights. Share-alike art (OpenMoji) and unlicensed art never enter. */
export const styleSources: readonly StyleSource[] = [
  {
    name: 'noto',
    packageName: '@iconify-json/noto',
    title: 'Noto Emoji',
    authors: 'Google Inc.',
    homepage: 'https://github.com/googlefonts/noto-emoji',
    licence: 'Apache-2.0',
  },
  {
    name: 'blob',
    packageName: '@iconify-json/noto-v1',
    title: 'Noto Emoji, first version ("blobs")',
    authors: 'Google Inc.',
    homepage: 'https://github.com/googlefonts/noto-emoji',
    licence: 'Apache-2.0',
  },
  {
    name: 'flat',
    packageName: '@iconify-json/fluent-emoji-flat',
    title: 'Fluent Emoji, flat',
    authors: 'Microsoft Corporation',
    homepage: 'https://github.com/microsoft/fluentui-emoji',
    licence: 'MIT',
  },
  {
    name: '3d',
    packageName: '@lobehub/fluent-emoji-3d',
    title: 'Fluent Emoji, 3D',
    authors: 'Microsoft Corporation',
    homepage: 'https://github.com/microsoft/fluentui-emoji',
    licence: 'MIT',
  },
  {
    name: 'twemoji',
    packageName: '@iconify-json/twemoji',
    title: 'Twemoji',
    authors: 'Twitter, Inc. and other contributors',
    homepage: 'https://github.com/jdecked/twemoji',
    licence: 'CC-BY-4.0',
  },
  {
    name: 'emojione',
    packageName: '@iconify-json/emojione',
    title: 'EmojiOne 2.3',
    authors: 'EmojiOne',
    homepage: 'https://github.com/EmojiTwo/emojitwo',
    licence: 'CC-BY-4.0',
  },
];

const resolveFile = (packageName: string, file: string) => require.resolve(`${packageName}/${file}`);

function readJson<T>(packageName: string, file: string): T {
  return JSON.parse(readFileSync(resolveFile(packageName, file), 'utf8')) as T;
}

/** `@iconify-json/noto@1.2.9` */
export function packageVersion(packageName: string): string {
  return `${packageName}@${readJson<{ version: string }>(packageName, 'package.json').version}`;
}

export function styleOf(source: StyleSource): Style {
  const tier = source.licence === 'CC-BY-4.0' ? 'attribution' : 'core';
  return { name: source.name, source: packageVersion(source.packageName), licence: source.licence, tier };
}

/** Without variation selectors, lower case: the same key whatever convention a package names its files by. */
export function joinKey(codePoint: string): string {
  return codePoint
    .toLowerCase()
    .split('-')
    .filter((part) => part !== 'fe0f')
    .join('-');
}

interface IconSet {
  readonly icons: Readonly<Record<string, { body: string; width?: number; height?: number }>>;
  readonly aliases?: Readonly<Record<string, { parent: string }>>;
  readonly width: number;
  readonly height: number;
}

function svgOf(set: IconSet, name: string): Buffer | undefined {
  const icon = set.icons[name] ?? set.icons[set.aliases?.[name]?.parent ?? ''];
  if (icon === undefined) return undefined;
  const { width = set.width, height = set.height, body } = icon;
  const namespaces = 'xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink"';
  return Buffer.from(`<svg ${namespaces} width="256" height="256" viewBox="0 0 ${width} ${height}">${body}</svg>`);
}

/** Bytes of an SVG or WebP file of the concept with this code point, if the style has it. */
export type FindArt = (codePoint: string, label: string) => Promise<Buffer | undefined>;

type CharacterNames = Readonly<Record<string, string>>;

function iconifyArt(packageName: string): FindArt {
  const set = readJson<IconSet>(packageName, 'icons.json');
  // noto-v1 and emojione carry no map from code points, but name their icons as noto does.
  const mapped = !packageName.endsWith('noto-v1') && !packageName.endsWith('emojione');
  const names = readJson<CharacterNames>(mapped ? packageName : '@iconify-json/noto', 'chars.json');
  const byKey = new Map(Object.entries(names).map(([codePoint, name]) => [joinKey(codePoint), name]));
  return async (codePoint, label) => {
    const name = byKey.get(joinKey(codePoint));
    const svg = name === undefined ? undefined : svgOf(set, name);
    return svg ?? (mapped ? undefined : svgOf(set, label.toLowerCase().replaceAll(/[^a-z0-9]+/g, '-')));
  };
}

async function fluent3dArt(packageName: string): Promise<FindArt> {
  const folder = join(dirname(resolveFile(packageName, 'package.json')), 'assets');
  const files = new Map((await readdir(folder)).map((file) => [joinKey(file.replace('.webp', '')), file]));
  // The package also holds pictures that Microsoft never drew; what the flat set has too is Microsoft's.
  const drawn = readJson<CharacterNames>('@iconify-json/fluent-emoji-flat', 'chars.json');
  const keys = new Set(Object.keys(drawn).map(joinKey));
  return async (codePoint) => {
    const key = joinKey(codePoint);
    const file = keys.has(key) ? files.get(key) : undefined;
    return file === undefined ? undefined : readFile(join(folder, file));
  };
}

/** Opens the art of a style. */
export async function openArt(source: StyleSource): Promise<FindArt> {
  return source.name === '3d' ? fluent3dArt(source.packageName) : iconifyArt(source.packageName);
}
