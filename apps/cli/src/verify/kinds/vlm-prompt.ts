import { adapterOf, type TextTokenizer } from '@latte-flow/vlm';

import { list } from '../compare.ts';
import { EXACT, type FixtureReport } from '../report.ts';
import type { GoldenVlm } from './vlm-golden.ts';

/** Reads the special tokens of a fixture, and all other text byte by byte, as the fixtures' ids are made. */
function fixtureTokenizer(special: ReadonlyMap<string, number>): Pick<TextTokenizer, 'encode'> {
  const spellings = [...special.keys()].map((token) => token.replace(/[|\\{}()[\]^$+*?.]/g, '\\$&'));
  const pieces = new RegExp(`(${spellings.join('|')})`);
  const encodePiece = (piece: string): number[] => {
    const id = special.get(piece);
    return id === undefined ? [...new TextEncoder().encode(piece)] : [id];
  };
  return { encode: (text) => text.split(pieces).flatMap(encodePiece) };
}

/** The ids that images become stand in the prompt, one after the other, and no other image token does. */
export async function checkImagePrompts(
  { name, golden }: { readonly name: string; readonly golden: GoldenVlm },
  report: FixtureReport,
): Promise<void> {
  const { config } = golden.model;
  const adapter = adapterOf(config);
  const { images, processor } = await golden.shown(name);
  if (images.length === 0) return;
  const tokenizer = fixtureTokenizer(golden.specialTokens);
  const ids = [...golden.tensors.integers(`${name}.input_ids`)];
  await report.compare(`${name}.image_prompt`, EXACT, () => {
    const { grids } = adapter.processImages(images, processor);
    let at = 0;
    const found = grids.map((grid) => {
      const prompt = adapter.imagePrompt(grid, { config, tokenizer });
      while (at < ids.length && !prompt.every((id, i) => id === ids[at + i])) at++;
      const stands = Number(at < ids.length);
      ids.fill(-1, at, at + prompt.length);
      return stands;
    });
    const others = ids.filter((id) => id === config.imageTokenId).length;
    return [list([...found, others]), list([...grids.map(() => 1), 0])];
  });
}
