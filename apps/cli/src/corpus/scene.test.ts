import { LatteFlowError } from '@latte-flow/core';
import { describe, expect, test } from 'vitest';

import { backgrounds, placeSquare, positions, SCENE_SIZE } from './layout.ts';
import { paintScene } from './painting.ts';
import { drawScene, drawScenes, sampleScene, type Scene, sceneSource } from './scene.ts';
import { SPRITE_SIZE } from './format.ts';
import { syntheticCorpus } from './synthetic-corpus.ts';

const labels = ['dog', 'red apple', 'owl', 'grapes'];
const corpus = syntheticCorpus(
  labels.flatMap((label, i) =>
    ['noto', 'blob'].map((style, j) => ({
      label,
      style,
      colour: [40 * i, 90 * j, 30, 255] as const,
      split: label === 'owl' && style === 'blob' ? ('test-pair' as const) : ('train' as const),
    })),
  ),
);
const PLANE = SCENE_SIZE * SCENE_SIZE;
const draws = Array.from({ length: 400 }, (_, index) => ({ seed: 11, index }));

describe('sampleScene', () => {
  test('depends on seed and index alone', () => {
    const source = sceneSource(corpus);
    const once = draws.map((draw) => JSON.stringify(sampleScene(source, draw)));
    expect(draws.toReversed().map((draw) => JSON.stringify(sampleScene(source, draw)))).toEqual(once.toReversed());
    expect(draws.map(({ index }) => JSON.stringify(sampleScene(source, { seed: 12, index })))).not.toEqual(once);
  });

  test('keeps to the splits, concepts and styles allowed', () => {
    const objects = (distribution: Parameters<typeof sceneSource>[1]) =>
      draws.flatMap((draw) => sampleScene(sceneSource(corpus, distribution), draw).objects.map(({ sprite }) => sprite));
    expect(objects({}).some(({ split }) => split !== 'train')).toBe(false);
    expect(new Set(objects({ splits: ['test-pair'] }).map(({ label, style }) => `${label} ${style}`))).toEqual(
      new Set(['owl blob']),
    );
    const apple = corpus.sprites[2]!.codePoint;
    const apples = objects({ concepts: [apple], styles: ['blob'], plainShare: 0, pairShare: 1 });
    expect(new Set(apples.map(({ label, style }) => `${label} ${style}`))).toEqual(new Set(['red apple blob']));
  });

  test('draws plain scenes, pairs and the rest in their shares', () => {
    const source = sceneSource(corpus, { plainShare: 0.3, pairShare: 0.2 });
    const scenes = draws.map((draw) => sampleScene(source, draw));
    const pairs = scenes.filter(({ objects }) => objects.length === 2);
    expect(pairs.length / scenes.length).toBeCloseTo(0.2, 1);
    for (const { objects } of pairs) {
      expect(objects[0]!.sprite.style).toBe(objects[1]!.sprite.style);
      expect(objects[0]!.sprite.label).not.toBe(objects[1]!.sprite.label);
    }
    const plain = draws.map((draw) => sampleScene(sceneSource(corpus, { plainShare: 1, pairShare: 0 }), draw));
    const looks = plain.map(({ background, objects }) => `${background} ${objects[0]!.position} ${objects[0]!.size}`);
    expect(new Set(looks)).toEqual(new Set(['white centre large']));
    expect(new Set(plain.map(({ objects }) => objects[0]!.sprite.label)).size).toBe(labels.length);
  });

  test.each([
    [{ concepts: ['1F4A9'] }, 'concepts'],
    [{ styles: [] }, 'styles'],
    [{ plainShare: 0.8, pairShare: 0.3 }, 'plainShare'],
    [{ splits: ['val' as const] }, 'some sprite'],
  ])('refuses %j', (distribution, named) => {
    expect(() => sceneSource(corpus, distribution)).toThrow(LatteFlowError);
    expect(() => sceneSource(corpus, distribution)).toThrow(named);
  });
});

describe('painting', () => {
  const paint = (scene: Scene, from = corpus) => {
    const image = new Float32Array(3 * PLANE).fill(Number.NaN);
    paintScene(from, scene, image);
    return image;
  };

  test('puts an opaque sprite exactly on its square and the background everywhere else', () => {
    const sprite = corpus.sprites[3]!;
    for (const position of positions) {
      const square = placeSquare(position, 22);
      const image = paint({ background: 'green', objects: [{ sprite, position, size: 'small', square }] });
      for (let i = 0; i < PLANE; i++) {
        const [x, y] = [i % SCENE_SIZE, Math.floor(i / SCENE_SIZE)];
        const inside = x >= square.x && x < square.x + 22 && y >= square.y && y < square.y + 22;
        const expected = inside ? [40, 90, 30] : backgrounds.green;
        for (let c = 0; c < 3; c++)
          expect(Math.abs(image[c * PLANE + i]! - (expected[c]! / 127.5 - 1))).toBeLessThan(1e-5);
      }
    }
  });

  test('blends by alpha, and clear pixels give no colour', () => {
    const half = syntheticCorpus([{ label: 'veil', style: 'noto', colour: [0, 0, 0, 51] }]);
    const pixels = half.pixels;
    for (let i = 0; i < SPRITE_SIZE; i += 2) pixels.set([255, 0, 0, 0], i * 4);
    const square = { x: 0, y: 0, side: SPRITE_SIZE };
    const image = paint(
      { background: 'white', objects: [{ sprite: half.sprites[0]!, position: 'centre', size: 'large', square }] },
      half,
    );
    expect(image[0]).toBeCloseTo(1, 5);
    expect(image[1]).toBeCloseTo(2 * 0.8 - 1, 5);
    const smaller = { x: 0, y: 0, side: 32 };
    const shrunk = paint(
      {
        background: 'white',
        objects: [{ sprite: half.sprites[0]!, position: 'centre', size: 'large', square: smaller }],
      },
      half,
    );
    // Row 0: of four pixels one is clear, so the average alpha is 0.2 * 3 / 4, all of it black.
    expect(shrunk[0]).toBeCloseTo(2 * (1 - 0.15) - 1, 5);
  });

  test('keeps the mean colour at every size', () => {
    const stripes = syntheticCorpus([{ label: 'stripes', style: 'noto', colour: [0, 0, 0, 255] }]);
    for (let i = 0; i < SPRITE_SIZE * SPRITE_SIZE; i += 2) stripes.pixels.set([255, 255, 255, 255], i * 4);
    for (const side of [22, 28, 36, 56]) {
      const square = { x: 0, y: 0, side };
      const image = paint(
        { background: 'red', objects: [{ sprite: stripes.sprites[0]!, position: 'centre', size: 'large', square }] },
        stripes,
      );
      let sum = 0;
      for (let y = 0; y < side; y++) for (let x = 0; x < side; x++) sum += image[y * SCENE_SIZE + x]!;
      expect(Math.abs(sum / side ** 2)).toBeLessThan(1e-5);
    }
  });

  test('a batch holds the pictures of its draws', () => {
    const source = sceneSource(corpus, { plainShare: 0.2, pairShare: 0.3 });
    const { images, scenes } = drawScenes(source, { seed: 5, first: 7, count: 4 });
    const single = drawScene(source, { seed: 5, index: 9 });
    expect(scenes[2]).toEqual(single.scene);
    expect(images.subarray(2 * 3 * PLANE, 3 * 3 * PLANE)).toEqual(single.image);
    expect(images.every((value) => value >= -1.00001 && value <= 1.00001)).toBe(true);
  });
});
