import sharp from 'sharp';

import { SPRITE_BYTES, SPRITE_SIZE } from '@latte-flow/cli/corpus';

/** What the pixels depend on besides the art. */
export const rendererVersion = `sharp@${sharp.versions.sharp} vips@${sharp.versions.vips}`;

const RENDER_SIZE = 256;
/** Alpha of the faintest pixel that counts as part of the drawing. */
const VISIBLE_ALPHA = 8;

interface Box {
  readonly left: number;
  readonly top: number;
  readonly width: number;
  readonly height: number;
}

function boundingBox(pixels: Uint8Array, size: number): Box | undefined {
  let [left, top, right, bottom] = [size, size, -1, -1];
  for (let y = 0; y < size; y++) {
    for (let x = 0; x < size; x++) {
      if (pixels[(y * size + x) * 4 + 3]! < VISIBLE_ALPHA) continue;
      left = Math.min(left, x);
      right = Math.max(right, x);
      top = Math.min(top, y);
      bottom = Math.max(bottom, y);
    }
  }
  return right < 0 ? undefined : { left, top, width: right - left + 1, height: bottom - top + 1 };
}

const CLEAR = { r: 0, g: 0, b: 0, alpha: 0 };

/**
 * Draws an SVG or WebP file as a sprite: rendered at 256 x 256, trimmed to what is visible, scaled to fit 64 x 64 and
 * centred. Uint8 RGBA with straight alpha; clear pixels are black. Undefined if nothing is visible.
 */
export async function renderSprite(art: Buffer): Promise<Uint8Array | undefined> {
  const raw = { width: RENDER_SIZE, height: RENDER_SIZE, channels: 4 } as const;
  const large = await sharp(art)
    .resize(RENDER_SIZE, RENDER_SIZE, { fit: 'contain', background: CLEAR })
    .toColourspace('srgb')
    .ensureAlpha()
    .raw()
    .toBuffer();
  const box = boundingBox(large, RENDER_SIZE);
  if (box === undefined) return undefined;
  const small = await sharp(large, { raw })
    .extract(box)
    .resize(SPRITE_SIZE, SPRITE_SIZE, { fit: 'contain', background: CLEAR, kernel: 'mitchell' })
    .raw()
    .toBuffer();
  if (small.byteLength !== SPRITE_BYTES) throw new Error(`renderSprite: sharp returned ${small.byteLength} bytes`);
  for (let i = 0; i < small.length; i += 4) if (small[i + 3] === 0) small.fill(0, i, i + 3);
  return small;
}
