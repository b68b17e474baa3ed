import { isPlural, withArticle } from './article.ts';
import { captionScene, positionPhrase } from './caption.ts';
import { type Draw, pick, questionUniforms } from './draw.ts';
import type { PlacedSprite, Scene, SceneSource } from './scene.ts';

/** A question about a picture, and its true answer. */
export interface Exchange {
  readonly question: string;
  readonly answer: string;
}

/** The question that `latte describe` asks when the user asks none. Its answer is the full caption. */
export const DESCRIBE_QUESTION = 'Describe this picture.';

/** Share of draws that ask for the description, and that ask what is shown. The rest share what remains. */
const DESCRIBE_SHARE = 0.4;
const IDENTITY_SHARE = 0.2;

const words = (label: string) => label.toLowerCase().split(/[\s-]+/);

/** A concept of the source that shares no word with those of the scene, so that "no" is true: a dog face is a dog. */
function absentLabel(source: SceneSource, scene: Scene, uniform: number): string | undefined {
  const present = new Set(scene.objects.flatMap(({ sprite }) => words(sprite.label)));
  const start = Math.floor(uniform * source.concepts.length);
  for (let i = 0; i < source.concepts.length; i++) {
    const { label } = source.concepts[(start + i) % source.concepts.length]![0]!;
    if (!words(label).some((word) => present.has(word))) return label;
  }
  return undefined;
}

const presence = (label: string, present: boolean): Exchange => ({
  question: `${isPlural(label) ? 'Are' : 'Is'} there ${withArticle(label)}?`,
  answer: present ? 'yes' : 'no',
});

const identity = ({ objects }: Scene): Exchange => ({
  question: 'What is this?',
  answer: objects.map(({ sprite }) => withArticle(sprite.label)).join(' and '),
});

function detailExchanges(scene: Scene): Exchange[] {
  const [first, second] = scene.objects as readonly [PlacedSprite, PlacedSprite?];
  const common = [
    { question: 'What colour is the background?', answer: scene.background },
    { question: 'Which style is it?', answer: first.sprite.style },
  ];
  if (second === undefined) {
    return [
      ...common,
      { question: 'Where is it?', answer: positionPhrase(first.position) },
      { question: 'How big is it?', answer: first.size === 'medium' ? 'medium-sized' : first.size },
    ];
  }
  const places = [first, second].map(({ sprite, position }) => ({
    question: `What is ${positionPhrase(position)}?`,
    answer: withArticle(sprite.label),
  }));
  return [...common, ...places];
}

/** Everything that can be asked about a scene without naming something that is not in it. */
export function sceneExchanges(scene: Scene): Exchange[] {
  return [
    { question: DESCRIBE_QUESTION, answer: captionScene(scene, 'full') },
    identity(scene),
    ...detailExchanges(scene),
    ...scene.objects.map(({ sprite }) => presence(sprite.label, true)),
  ];
}

/** One question and its answer for a draw of the source: 40 % the description, 20 % "What is this?", else a detail. */
export function drawExchange(source: SceneSource, scene: Scene, draw: Draw): Exchange {
  const uniforms = questionUniforms(draw);
  const kind = uniforms[0]!;
  if (kind < DESCRIBE_SHARE) return { question: DESCRIBE_QUESTION, answer: captionScene(scene, 'full') };
  if (kind < DESCRIBE_SHARE + IDENTITY_SHARE) return identity(scene);
  const absent = absentLabel(source, scene, uniforms[2]!);
  const coin = uniforms[3]! * 2;
  const asked =
    coin < 1 || absent === undefined
      ? presence(pick(scene.objects, coin % 1).sprite.label, true)
      : presence(absent, false);
  return pick([...detailExchanges(scene), asked], uniforms[1]!);
}
