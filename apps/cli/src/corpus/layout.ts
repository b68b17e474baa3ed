/** Width and height of a scene, in pixels. */
export const SCENE_SIZE = 64;

/** Backgrounds by the word that the captions use, as sRGB. The first is the default. */
export const backgrounds = {
  white: [255, 255, 255],
  red: [214, 48, 49],
  orange: [240, 140, 40],
  yellow: [250, 218, 80],
  green: [76, 170, 80],
  blue: [60, 125, 215],
  purple: [140, 85, 190],
  pink: [245, 155, 195],
} as const satisfies Record<string, readonly [number, number, number]>;

export type BackgroundName = keyof typeof backgrounds;
export const backgroundNames = Object.keys(backgrounds) as BackgroundName[];

/** Side of the square that an object fills, in pixels, by the word of the captions. */
export const objectSides = { small: 22, medium: 36, large: 56 } as const;

export type ObjectSize = keyof typeof objectSides;
export const objectSizes = Object.keys(objectSides) as ObjectSize[];

const START = 0;
const MIDDLE = 0.5;
const END = 1;

/** Where the free space beside an object goes: [x, y] from 0 (all of it after) to 1 (all of it before). */
const anchors = {
  centre: [MIDDLE, MIDDLE],
  left: [START, MIDDLE],
  right: [END, MIDDLE],
  top: [MIDDLE, START],
  bottom: [MIDDLE, END],
  'top left': [START, START],
  'top right': [END, START],
  'bottom left': [START, END],
  'bottom right': [END, END],
} as const;

export type Position = keyof typeof anchors;
export const positions = Object.keys(anchors) as Position[];

/** Space between the edge and what stands at it. */
const MARGIN = 3;
/** Side of each of two objects next to each other. */
export const PAIR_SIDE = 28;

/** A square of whole pixels. */
export interface Square {
  readonly x: number;
  readonly y: number;
  readonly side: number;
}

/** The square of an object with this side at this position. */
export function placeSquare(position: Position, side: number): Square {
  const free = SCENE_SIZE - side;
  const margin = Math.min(MARGIN, free / 2);
  const [x, y] = anchors[position].map((share) => Math.round(margin + share * (free - 2 * margin))) as [number, number];
  return { x, y, side };
}
