import { type Corpus, SPRITE_BYTES, type Split, type Sprite } from './format.ts';

/** A corpus of flat-coloured opaque squares, one for each entry, for tests. */
export function syntheticCorpus(
  entries: readonly {
    label: string;
    style: string;
    colour: readonly [number, number, number, number];
    split?: Split;
  }[],
): Corpus {
  const labels = [...new Set(entries.map(({ label }) => label))];
  const styleNames = [...new Set(entries.map(({ style }) => style))];
  const pixels = new Uint8Array(entries.length * SPRITE_BYTES);
  const sprites = entries.map(({ label, style, colour, split = 'train' }, i): Sprite => {
    const offset = i * SPRITE_BYTES;
    for (let at = offset; at < offset + SPRITE_BYTES; at += 4) pixels.set(colour, at);
    const codePoint = (0x1f300 + labels.indexOf(label)).toString(16).toUpperCase();
    return { codePoint, label, style, group: 'objects', subgroup: 'tool', tags: [], tier: 'core', split, offset };
  });
  const styles = styleNames.map((name) => ({ name, source: 'test', licence: 'MIT', tier: 'core' as const }));
  return { styles, sprites, pixels };
}
