import { type Corpus, drawCaption, drawExchange, sampleScene, sceneSource, withArticle } from '@latte-flow/cli/corpus';

import { splitWords } from './pre-tokenizer.ts';

/** What the chat template wraps around every conversation. */
const TEMPLATE_TEXT = ['system\n', 'You are a helpful assistant.', 'user\n', 'assistant\n'];

/**
 * How often each word occurs in `scenes` scenes of the corpus (caption, question, answer, chat template; all splits,
 * since the words of a caption are no test secret), and once in each further label.
 */
export function countWords(
  corpus: Corpus,
  { labels, scenes, seed }: { labels: readonly string[]; scenes: number; seed: number },
): Map<string, number> {
  const counts = new Map<string, number>();
  const add = (text: string) => {
    for (const word of splitWords(text)) counts.set(word, (counts.get(word) ?? 0) + 1);
  };
  const source = sceneSource(corpus, {
    plainShare: 0.4,
    pairShare: 0.2,
    splits: ['train', 'val', 'test-pair', 'test-concept'],
  });
  for (let index = 0; index < scenes; index++) {
    const draw = { seed, index };
    const scene = sampleScene(source, draw);
    const { question, answer } = drawExchange(source, scene, draw);
    for (const text of [drawCaption(scene, draw), question, answer, ...TEMPLATE_TEXT]) add(text);
  }
  for (const label of labels) add(withArticle(label));
  return counts;
}
