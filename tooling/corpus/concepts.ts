import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';

const require = createRequire(import.meta.url);

/** What a picture is of. */
export interface Concept {
  /** Upper-case hexadecimal code points joined by `-`. */
  readonly codePoint: string;
  readonly label: string;
  readonly group: string;
  readonly subgroup: string;
  readonly tags: readonly string[];
}

interface EmojiRecord {
  readonly hexcode: string;
  readonly label: string;
  readonly tags?: readonly string[];
  readonly group?: number;
  readonly subgroup?: number;
}

interface GroupNames {
  readonly groups: Readonly<Record<string, string>>;
  readonly subgroups: Readonly<Record<string, string>>;
}

const readJson = <T>(path: string): T => JSON.parse(readFileSync(require.resolve(path), 'utf8')) as T;

/**
 * Every emoji of emojibase in its own order, without flags, regional indicators (which have no group) and the bare
 * skin-tone and hair components. Skin-tone variants are not entries of their own there.
 */
export function readConcepts(): Concept[] {
  const { groups, subgroups } = readJson<GroupNames>('emojibase-data/meta/groups.json');
  return readJson<EmojiRecord[]>('emojibase-data/en/data.json').flatMap((record) => {
    const { hexcode: codePoint, label, tags = [] } = record;
    const group = groups[record.group ?? -1];
    const subgroup = subgroups[record.subgroup ?? -1];
    if (group === undefined || subgroup === undefined || group === 'flags' || group === 'component') return [];
    return [{ codePoint, label, group, subgroup, tags }];
  });
}
