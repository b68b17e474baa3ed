import { withArticle } from './article.ts';
import type { Position } from './layout.ts';
import { captionUniforms, type Draw, pick } from './draw.ts';
import type { PlacedSprite, Scene } from './scene.ts';

/**
 * `brief`: what differs from a plain scene, "a red apple"; `style`: the style too, "a red apple, noto style";
 * `full`: everything, "a large red apple, noto style, in the centre on a white background".
 */
export const captionDetails = ['brief', 'style', 'full'] as const;
export type CaptionDetail = (typeof captionDetails)[number];

/** Where something stands, in words: "at the bottom right". */
export function positionPhrase(position: Position): string {
  if (position === 'centre') return 'in the centre';
  return position === 'left' || position === 'right' ? `on the ${position}` : `at the ${position}`;
}

function nounPhrase({ sprite, size }: PlacedSprite, shown: boolean): string {
  return withArticle(shown ? `${size === 'medium' ? 'medium-sized' : size} ${sprite.label}` : sprite.label);
}

/**
 * What a scene shows. Whatever is left unsaid is as in a plain scene (a white background, one large object in the
 * centre), but for the style, which may be any.
 */
export function captionScene(scene: Scene, detail: CaptionDetail): string {
  const [first, second] = scene.objects as readonly [PlacedSprite, PlacedSprite?];
  const style = detail === 'brief' ? '' : `, ${first.sprite.style} style`;
  const place =
    second === undefined && (detail === 'full' || first.position !== 'centre') ? positionPhrase(first.position) : '';
  const ground =
    detail === 'full' || scene.background !== 'white' ? `on ${withArticle(scene.background)} background` : '';
  const subject =
    second === undefined
      ? nounPhrase(first, detail === 'full' || first.size !== 'large')
      : [first, second]
          .map((object) => `${withArticle(object.sprite.label)} ${positionPhrase(object.position)}`)
          .join(' and ');
  const rest = [place, ground].filter((part) => part !== '').join(' ');
  if (rest === '') return `${subject}${style}`;
  return `${subject}${style === '' ? '' : `${style},`} ${rest}`;
}

/** The detail of the caption of a draw: half brief, a third with the style, a sixth full. */
export function drawDetail(draw: Draw): CaptionDetail {
  return pick(['brief', 'brief', 'brief', 'style', 'style', 'full'], captionUniforms(draw)[0]!);
}

/** The caption of a draw, at the detail that its seed and index choose. */
export function drawCaption(scene: Scene, draw: Draw): string {
  return captionScene(scene, drawDetail(draw));
}
