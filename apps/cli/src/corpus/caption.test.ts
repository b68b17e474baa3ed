import { expect, test } from 'vitest';

import { isPlural, withArticle } from './article.ts';
import { captionScene, drawCaption } from './caption.ts';
import { type BackgroundName, type ObjectSize, objectSides, placeSquare, type Position } from './layout.ts';
import { drawExchange, sceneExchanges } from './question.ts';
import { sampleScene, type Scene, sceneSource } from './scene.ts';
import { syntheticCorpus } from './synthetic-corpus.ts';

const corpus = syntheticCorpus(
  ['dog', 'red apple', 'owl', 'grapes', 'dog face'].flatMap((label) =>
    ['noto', 'twemoji'].map((style) => ({ label, style, colour: [9, 9, 9, 255] as const })),
  ),
);
const object = (label: string, style: string, position: Position = 'centre', size: ObjectSize = 'large') => ({
  sprite: corpus.sprites.find((sprite) => sprite.label === label && sprite.style === style)!,
  position,
  size,
  square: placeSquare(position, objectSides[size]),
});
const scene = (background: BackgroundName, ...objects: Scene['objects']): Scene => ({ background, objects });

const plain = scene('white', object('red apple', 'noto'));
const varied = scene('green', object('dog', 'twemoji', 'bottom right', 'small'));
const orange = scene('orange', object('owl', 'noto', 'left', 'medium'));
const pair = scene('white', object('dog', 'noto', 'left', 'medium'), object('red apple', 'noto', 'right', 'medium'));

test.each([
  [
    plain,
    'a red apple',
    'a red apple, noto style',
    'a large red apple, noto style, in the centre on a white background',
  ],
  [
    varied,
    'a small dog at the bottom right on a green background',
    'a small dog, twemoji style, at the bottom right on a green background',
    'a small dog, twemoji style, at the bottom right on a green background',
  ],
  [
    orange,
    'a medium-sized owl on the left on an orange background',
    'a medium-sized owl, noto style, on the left on an orange background',
    'a medium-sized owl, noto style, on the left on an orange background',
  ],
  [
    pair,
    'a dog on the left and a red apple on the right',
    'a dog on the left and a red apple on the right, noto style',
    'a dog on the left and a red apple on the right, noto style, on a white background',
  ],
])('captions say what is there', (shown, brief, style, full) => {
  expect(captionScene(shown, 'brief')).toBe(brief);
  expect(captionScene(shown, 'style')).toBe(style);
  expect(captionScene(shown, 'full')).toBe(full);
});

test.each([
  ['owl', 'an owl'],
  ['unicorn', 'a unicorn'],
  ['one-piece swimsuit', 'a one-piece swimsuit'],
  ['hourglass done', 'an hourglass done'],
  ['grapes', 'grapes'],
  ['bus', 'a bus'],
  ['wine glass', 'a wine glass'],
  ['octopus', 'an octopus'],
  ['nest with eggs', 'a nest with eggs'],
  ['popcorn', 'popcorn'],
  ['sun', 'the sun'],
])('%s -> %s', (label, expected) => expect(withArticle(label)).toBe(expected));

test('tells one from many', () => {
  expect(['cherries', 'french fries', 'people'].every(isPlural)).toBe(true);
  expect(['compass', 'cactus', 'tennis', 'dog'].some(isPlural)).toBe(false);
});

test('questions have true answers', () => {
  const answers = (shown: Scene) =>
    Object.fromEntries(sceneExchanges(shown).map(({ question, answer }) => [question, answer]));
  expect(answers(varied)).toEqual({
    'Describe this picture.': captionScene(varied, 'full'),
    'What is this?': 'a dog',
    'What colour is the background?': 'green',
    'Which style is it?': 'twemoji',
    'Where is it?': 'at the bottom right',
    'How big is it?': 'small',
    'Is there a dog?': 'yes',
  });
  expect(answers(pair)).toMatchObject({
    'What is this?': 'a dog and a red apple',
    'What is on the left?': 'a dog',
    'What is on the right?': 'a red apple',
    'Is there a red apple?': 'yes',
  });
});

test('draws of captions and questions repeat, vary, and answer no only to what is not there', () => {
  const source = sceneSource(corpus, { plainShare: 0.3, pairShare: 0.3 });
  const seen = new Set<string>();
  const captions = new Set<string>();
  for (let index = 0; index < 600; index++) {
    const draw = { seed: 4, index };
    const shown = sampleScene(source, draw);
    const exchange = drawExchange(source, shown, draw);
    expect(drawExchange(source, shown, draw)).toEqual(exchange);
    expect(drawCaption(shown, draw)).toBe(drawCaption(shown, draw));
    captions.add(drawCaption(shown, draw));
    seen.add(exchange.question);
    const asked = /^(?:Is|Are) there (?:an? )?(.*)\?$/.exec(exchange.question)?.[1];
    if (asked === undefined) {
      expect(sceneExchanges(shown)).toContainEqual(exchange);
      continue;
    }
    const present = shown.objects.map(({ sprite }) => sprite.label);
    if (exchange.answer === 'yes') expect(present).toContain(asked);
    else for (const word of asked.split(' ')) expect(present.join(' ').split(' ')).not.toContain(word);
  }
  expect(seen.has('Are there grapes?')).toBe(true);
  expect(seen.has('Is there an owl?')).toBe(true);
  expect(captions.size).toBeGreaterThan(100);
});
