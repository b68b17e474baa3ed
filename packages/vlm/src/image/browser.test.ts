import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

import { build } from 'esbuild';
import { chromium, type Browser, type Page } from 'playwright-core';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { decodeImage } from './decode-image.ts';

const CHROMIUM = '/usr/bin/chromium';
const missing = existsSync(CHROMIUM) || process.env['LATTE_REQUIRE_WEBGPU'] === '1' ? undefined : `no ${CHROMIUM}`;

/** What the page does: every source that only a browser has, and the bytes of a file. */
const PAGE = `
  import { decodeImage } from './decode-image.ts';
  import { loadImage } from './load-image.ts';
  globalThis.decode = async (file, options) => {
    const { data, width, height } = await decodeImage(Uint8Array.from(file), options);
    return { data: [...data], width, height };
  };
  globalThis.refusal = (file) => decodeImage(Uint8Array.from(file)).then(() => '', ({ code }) => code);
  globalThis.sources = async () => {
    const canvas = document.createElement('canvas');
    [canvas.width, canvas.height] = [2, 1];
    const context = canvas.getContext('2d');
    context.fillStyle = 'rgb(10, 20, 30)';
    context.fillRect(0, 0, 2, 1);
    const offscreen = new OffscreenCanvas(2, 1);
    offscreen.getContext('bitmaprenderer').transferFromImageBitmap(await createImageBitmap(canvas));
    const blob = await new Promise((resolve) => canvas.toBlob(resolve));
    const sources = [canvas, offscreen, await createImageBitmap(canvas), context.getImageData(0, 0, 2, 1)];
    sources.push(blob, URL.createObjectURL(blob), canvas.toDataURL());
    return Promise.all(sources.map(async (source) => [...(await loadImage(source)).data].join()));
  };
`;

describe.skipIf(missing !== undefined)(`in Chromium${missing === undefined ? '' : ` [skipped: ${missing}]`}`, () => {
  let browser: Browser;
  let page: Page;

  beforeAll(async () => {
    const { outputFiles } = await build({
      stdin: { contents: PAGE, loader: 'ts', resolveDir: fileURLToPath(new URL('.', import.meta.url)) },
      bundle: true,
      write: false,
      conditions: ['@latte-flow/source', 'browser', 'module'],
      external: ['sharp'],
    });
    browser = await chromium.launch({ executablePath: CHROMIUM, args: ['--headless=new', '--no-sandbox'] });
    page = await browser.newPage();
    await page.addScriptTag({ content: outputFiles[0]!.text });
  });
  afterAll(() => browser?.close());

  const inPage = (call: string, ...values: unknown[]): Promise<unknown> =>
    page.evaluate(`${call}(${values.map((value) => JSON.stringify(value)).join(', ')})`);

  const noise = (channels: 1 | 2 | 3 | 4) => {
    const data = Uint8Array.from({ length: 9 * 6 * channels }, (_, i) => (i * 89 + i * i) % 256);
    return sharp(data, { raw: { width: 9, height: 6, channels } });
  };

  test.each([
    ['an opaque PNG', () => noise(3).png()],
    ['a PNG with alpha', () => noise(4).png()],
    ['a grey PNG with alpha', () => noise(2).png()],
    ['a PNG of few colours', () => noise(3).png({ palette: true, colours: 8 })],
    ['a JPEG of thinned colour', () => noise(3).jpeg()],
    ['a grey JPEG', () => noise(1).jpeg()],
    ['a WebP', () => noise(3).webp()],
    ['a lossless WebP with alpha', () => noise(4).webp({ lossless: true, exact: true })],
    ['a picture with a colour profile', () => noise(3).withIccProfile('p3').png()],
    ['a JPEG on its side', () => noise(3).withMetadata({ orientation: 6 }).jpeg()],
  ])('%s gives the bytes that it gives in Node', async (_, make) => {
    const file = await make().toBuffer();
    for (const applyOrientation of [false, true]) {
      const { data, ...size } = await decodeImage(file, { applyOrientation });
      expect(await inPage('decode', [...file], { applyOrientation })).toEqual({ data: [...data], ...size });
    }
  });

  test('canvases, bitmaps, pixels, blobs and their URLs', async () => {
    expect(await inPage('sources')).toEqual(new Array(7).fill('10,20,30,10,20,30'));
  });

  test('files cut short and of other kinds are refused', async () => {
    const file = await noise(3).resize(64, 64).png().toBuffer();
    const gif = await noise(3).gif().toBuffer();
    for (const bytes of [file.subarray(0, file.length / 2), gif, Buffer.of()]) {
      expect(await inPage('refusal', [...bytes])).toBe('image-invalid');
    }
  });
});
