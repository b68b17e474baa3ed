import { describeValue, refuseArgument, requireFinite } from '@latte-flow/core';

import { type Draw, pick, sceneUniforms } from './draw.ts';
import { type Corpus, type Split, splits, type Sprite } from './format.ts';
import {
  type BackgroundName,
  backgroundNames,
  type ObjectSize,
  objectSides,
  objectSizes,
  PAIR_SIDE,
  placeSquare,
  type Position,
  positions,
  SCENE_SIZE,
  type Square,
} from './layout.ts';
import { paintScene } from './painting.ts';

/** What stands in a scene, and where. */
export interface PlacedSprite {
  readonly sprite: Sprite;
  readonly position: Position;
  /** `medium` for each of two objects. */
  readonly size: ObjectSize;
  /** The pixels that it fills. */
  readonly square: Square;
}

/** All there is to say about a picture: one object, or two of one style side by side (left first). */
export interface Scene {
  readonly background: BackgroundName;
  readonly objects: readonly PlacedSprite[];
}

/** Which scenes are drawn, and how often. */
export interface SceneDistribution {
  /** Code points of the concepts allowed. Default: all of the corpus. */
  readonly concepts?: readonly string[];
  /** Names of the styles allowed. Default: all of the corpus. */
  readonly styles?: readonly string[];
  /** Default: `['train']`. */
  readonly splits?: readonly Split[];
  /** Share of plain scenes: one large object in the centre of a white background. Default 0.5. */
  readonly plainShare?: number;
  /** Share of scenes with two objects. Default 0.1. What remains varies background, size and position. */
  readonly pairShare?: number;
}

/** Sprites to draw scenes from, grouped for fair draws: each concept, then each of its styles, is equally likely. */
export interface SceneSource {
  readonly corpus: Corpus;
  /** Sprites of one concept each, in the order of the corpus. */
  readonly concepts: readonly (readonly Sprite[])[];
  /** Sprites by the name of their style. */
  readonly styles: ReadonlyMap<string, readonly Sprite[]>;
  readonly plainShare: number;
  readonly pairShare: number;
}

function requireNames<T extends string>(
  name: string,
  given: readonly T[],
  allowed: ReadonlySet<string>,
): ReadonlySet<string> {
  const unknown = given.find((item) => !allowed.has(item));
  if (unknown === undefined && given.length > 0) return new Set(given);
  return refuseArgument({
    where: 'sceneSource',
    expected: `${name} to name some of the corpus's own`,
    got: unknown === undefined ? 'none' : describeValue(unknown),
    remedy: `Leave ${name} out for all of them, or name ones that the corpus holds.`,
    data: { [name]: given },
  });
}

function groupSprites(sprites: readonly Sprite[], key: 'codePoint' | 'style'): Map<string, Sprite[]> {
  const groups = new Map<string, Sprite[]>();
  for (const sprite of sprites) {
    const group = groups.get(sprite[key]);
    if (group === undefined) groups.set(sprite[key], [sprite]);
    else group.push(sprite);
  }
  return groups;
}

/**
 * Selects the sprites of a distribution. Borrows the corpus.
 * @throws LatteFlowError `invalid-argument` if a name is unknown, a share is outside [0, 1] or nothing is left to draw.
 */
export function sceneSource(corpus: Corpus, distribution: SceneDistribution = {}): SceneSource {
  const { plainShare = 0.5, pairShare = 0.1, splits: chosenSplits = ['train'] } = distribution;
  requireFinite('sceneSource', 'pairShare', pairShare, { min: 0, max: 1 });
  requireFinite('sceneSource', 'plainShare', plainShare, { min: 0, max: 1 - pairShare });
  const known = (key: 'codePoint' | 'style') => new Set(corpus.sprites.map((sprite) => sprite[key]));
  const codePoints = distribution.concepts && requireNames('concepts', distribution.concepts, known('codePoint'));
  const styles = distribution.styles && requireNames('styles', distribution.styles, known('style'));
  const allowedSplits = requireNames('splits', chosenSplits, new Set(splits));
  const chosen = corpus.sprites.filter(
    ({ codePoint, style, split }) =>
      allowedSplits.has(split) && (codePoints?.has(codePoint) ?? true) && (styles?.has(style) ?? true),
  );
  if (chosen.length === 0) {
    refuseArgument({
      where: 'sceneSource',
      expected: 'a distribution that some sprite of the corpus belongs to',
      got: 'none',
      remedy: 'Allow more concepts, styles or splits.',
      data: { distribution },
    });
  }
  const concepts = [...groupSprites(chosen, 'codePoint').values()];
  return { corpus, concepts, styles: groupSprites(chosen, 'style'), plainShare, pairShare };
}

function placeAlone(sprite: Sprite, size: ObjectSize, position: Position): PlacedSprite {
  return { sprite, position, size, square: placeSquare(position, objectSides[size]) };
}

/** Two different concepts in one style; undefined where the style has only one. */
function placePair(source: SceneSource, sprite: Sprite, uniform: number): readonly PlacedSprite[] | undefined {
  const sameStyle = source.styles.get(sprite.style) ?? [];
  const partners = sameStyle.filter(({ label }) => label !== sprite.label);
  if (partners.length === 0) return undefined;
  return [
    { sprite, position: 'left', size: 'medium', square: placeSquare('left', PAIR_SIDE) },
    { sprite: pick(partners, uniform), position: 'right', size: 'medium', square: placeSquare('right', PAIR_SIDE) },
  ];
}

/** Draws what a scene shows. A pure function of source, seed and index. */
export function sampleScene(source: SceneSource, draw: Draw): Scene {
  const uniforms = sceneUniforms(draw);
  const [concept, style, kind, partner] = [uniforms[0]!, uniforms[1]!, uniforms[2]!, uniforms[3]!];
  const sprite = pick(pick(source.concepts, concept), style);
  if (kind < source.plainShare) return { background: 'white', objects: [placeAlone(sprite, 'large', 'centre')] };
  const background = pick(backgroundNames, uniforms[4]!);
  const pair = kind < source.plainShare + source.pairShare ? placePair(source, sprite, partner) : undefined;
  if (pair !== undefined) return { background, objects: pair };
  const size = pick(objectSizes, uniforms[5]!);
  // A large object leaves no room to stand anywhere but in the centre.
  const position = size === 'large' ? 'centre' : pick(positions, uniforms[6]!);
  return { background, objects: [placeAlone(sprite, size, position)] };
}

/** Draws scene number `index`: what it shows, and its picture `[3, 64, 64]` in [-1, 1]. */
export function drawScene(source: SceneSource, draw: Draw): { scene: Scene; image: Float32Array } {
  const scene = sampleScene(source, draw);
  const image = new Float32Array(3 * SCENE_SIZE * SCENE_SIZE);
  paintScene(source.corpus, scene, image);
  return { scene, image };
}

/** Draws scenes `first` to `first + count - 1`; `images` is `[count, 3, 64, 64]` in [-1, 1]. */
export function drawScenes(
  source: SceneSource,
  { seed, first, count }: { seed: number; first: number; count: number },
): { scenes: Scene[]; images: Float32Array } {
  const size = 3 * SCENE_SIZE * SCENE_SIZE;
  const images = new Float32Array(count * size);
  const scenes = Array.from({ length: count }, (_, i) => {
    const scene = sampleScene(source, { seed, index: first + i });
    paintScene(source.corpus, scene, images.subarray(i * size, (i + 1) * size));
    return scene;
  });
  return { scenes, images };
}
