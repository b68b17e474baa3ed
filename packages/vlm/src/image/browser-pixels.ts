import { rgbOfRgba } from './rgb-image.ts';

/** What both kinds of canvas context can take. */
type Drawable = ImageBitmap | HTMLCanvasElement | OffscreenCanvas;

/** RGBA without premultiplication, which a 2D canvas cannot give; undefined where there is no WebGL for it. */
function readByWebGl(bitmap: Drawable): Uint8Array | undefined {
  const { width, height } = bitmap;
  const gl = new OffscreenCanvas(1, 1).getContext('webgl2');
  if (gl === null || Math.max(width, height) > (gl.getParameter(gl.MAX_TEXTURE_SIZE) as number)) return undefined;
  gl.pixelStorei(gl.UNPACK_PREMULTIPLY_ALPHA_WEBGL, false);
  gl.pixelStorei(gl.UNPACK_COLORSPACE_CONVERSION_WEBGL, gl.NONE);
  const texture = gl.createTexture();
  gl.bindTexture(gl.TEXTURE_2D, texture);
  gl.texImage2D(gl.TEXTURE_2D, 0, gl.RGBA, gl.RGBA, gl.UNSIGNED_BYTE, bitmap);
  gl.bindFramebuffer(gl.FRAMEBUFFER, gl.createFramebuffer());
  gl.framebufferTexture2D(gl.FRAMEBUFFER, gl.COLOR_ATTACHMENT0, gl.TEXTURE_2D, texture, 0);
  const rgba = new Uint8Array(width * height * 4);
  gl.readPixels(0, 0, width, height, gl.RGBA, gl.UNSIGNED_BYTE, rgba);
  const isRead = gl.getError() === gl.NO_ERROR;
  gl.getExtension('WEBGL_lose_context')?.loseContext();
  return isRead ? rgba : undefined;
}

/** RGB of a bitmap, as stored: what is transparent keeps its colours where WebGL can read them. */
export function readBitmap(bitmap: Drawable): Uint8Array {
  const { width, height } = bitmap;
  const context = new OffscreenCanvas(width, height).getContext('2d')!;
  context.drawImage(bitmap, 0, 0);
  const rgba = context.getImageData(0, 0, width, height).data;
  const isOpaque = rgba.every((value, i) => i % 4 !== 3 || value === 255);
  return rgbOfRgba(isOpaque ? rgba : (readByWebGl(bitmap) ?? rgba));
}
