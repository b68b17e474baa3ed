import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { crc32, deflateSync } from 'node:zlib';

import sharp from 'sharp';
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';

import { parseImageProcessorConfig } from './image-processor-config.ts';
import { decodeImage } from './decode-image.ts';
import { readImageHeader } from './image-header.ts';
import { processImages } from './image-processor.ts';
import { loadImage, type ImageSource } from './load-image.ts';
import { withoutExif } from './without-exif.ts';

const pixels = { data: Uint8Array.from({ length: 7 * 5 * 3 }, (_, i) => (i * 37) % 256), width: 7, height: 5 };
const picture = () => sharp(pixels.data, { raw: { width: 7, height: 5, channels: 3 } });

/** A PNG of 16-bit samples, row by row. */
function png16(rows: readonly (readonly number[])[], { colourType, width }: { colourType: number; width: number }) {
  const chunk = (type: string, body: Uint8Array): Buffer => {
    const content = Buffer.concat([Buffer.from(type), body]);
    const out = Buffer.alloc(8 + content.length);
    out.writeUInt32BE(body.length);
    content.copy(out, 4);
    out.writeUInt32BE(crc32(content), 4 + content.length);
    return out;
  };
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width);
  header.writeUInt32BE(rows.length, 4);
  header.set([16, colourType], 8);
  const body = rows.map((row) => Buffer.from([0, ...row.flatMap((sample) => [sample >> 8, sample & 255])]));
  return Buffer.concat([
    Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]),
    chunk('IHDR', header),
    chunk('IDAT', deflateSync(Buffer.concat(body))),
    chunk('IEND', Buffer.alloc(0)),
  ]);
}

describe('what Pillow makes of odd files', () => {
  test('four inks are multiplied', async () => {
    // Written by Pillow 12.3, which reads it back as these two colours.
    const file = Buffer.from(
      [
        '/9j/7gAOQWRvYmUAZAAAAAAA/9sAQwACAQEBAQECAQEBAgICAgIEAwICAgIFBAQDBAYFBgYGBQYGBgcJCAYHCQcGBggLCAkKCgoKCgYI',
        'CwwLCgwJCgoK/8AAFAgAAQACBEMRAE0RAFkRAEsRAP/EABUAAQEAAAAAAAAAAAAAAAAAAAkI/8QAIxAAAAMHBQEAAAAAAAAAAAAAAAQG',
        'AgcJOXeztQUINjd1dv/aAA4EQwBNAFkASwAAPwAeYqk0DchXtYZs2GYh0y+nE0bTGJLCk3wdtKn6M9fbDMIfhej+WXtsj//Z',
      ].join(''),
      'base64',
    );
    expect(readImageHeader(file)).toEqual({ format: 'jpeg', width: 2, height: 1, cmyk: true });
    expect([...(await decodeImage(file)).data]).toEqual([187, 42, 172, 0, 235, 144]);
  });

  test('of 16-bit samples the high byte is kept', async () => {
    const colours = [
      [0x12fe, 0xfffe, 0x80ff],
      [1, 0x0102, 0x7f80],
    ];
    const bytes = [0x12, 0xff, 0x80, 0, 1, 0x7f];
    expect([...(await decodeImage(png16(colours, { colourType: 2, width: 1 }))).data]).toEqual(bytes);
    const grey = await decodeImage(png16([[0x12fe, 0xfffe]], { colourType: 0, width: 2 }));
    expect([...grey.data]).toEqual([0x12, 0x12, 0x12, 0xff, 0xff, 0xff]);
  });

  test('colour profiles are ignored', async () => {
    const file = await picture().withIccProfile('p3').png().toBuffer();
    const plain = await sharp(file, { ignoreIcc: true }).removeAlpha().raw().toBuffer();
    expect(Buffer.from((await decodeImage(file)).data).equals(plain)).toBe(true);
    expect(Buffer.from(pixels.data).equals(plain)).toBe(false);
  });

  test('alpha is dropped, whatever it is', async () => {
    const rgba = Buffer.from([1, 2, 3, 0, 200, 100, 50, 128]);
    const file = await sharp(rgba, { raw: { width: 2, height: 1, channels: 4 } })
      .png()
      .toBuffer();
    expect([...(await decodeImage(file)).data]).toEqual([1, 2, 3, 200, 100, 50]);
  });

  test('an animation gives its first frame', async () => {
    const frame = (background: string) => ({ create: { width: 4, height: 2, channels: 3 as const, background } });
    const frames = await Promise.all(['red', 'blue'].map((colour) => sharp(frame(colour)).png().toBuffer()));
    const file = await sharp(frames, { join: { animated: true } })
      .webp({ lossless: true })
      .toBuffer();
    expect((await sharp(file).metadata()).pages).toBe(2);
    const { data, width, height } = await decodeImage(file);
    expect([width, height, ...data.subarray(0, 3)]).toEqual([4, 2, 255, 0, 0]);
  });

  test('EXIF orientation counts only where it is asked for', async () => {
    const file = await picture().withMetadata({ orientation: 6 }).png().toBuffer();
    expect(await decodeImage(file)).toEqual(pixels);
    const turned = await decodeImage(file, { applyOrientation: true });
    expect([turned.width, turned.height]).toEqual([5, 7]);
    expect([...turned.data.subarray(0, 3)]).toEqual([...pixels.data.subarray(4 * 7 * 3, 4 * 7 * 3 + 3)]);
  });

  test.each(['png', 'jpeg', 'webp'] as const)('without EXIF a %s is not turned, its pixels stay', async (format) => {
    const turned = await picture().withMetadata({ orientation: 6 }).toFormat(format).toBuffer();
    expect((await sharp(turned).metadata()).orientation).toBe(6);
    const bare = withoutExif(turned, { format });
    expect((await sharp(bare).metadata()).orientation).toBeUndefined();
    expect(await decodeImage(bare)).toEqual(await decodeImage(turned));
    expect(withoutExif(bare, { format })).toBe(bare);
    for (let length = 30; length < turned.length; length++) withoutExif(turned.subarray(0, length), { format });
  });

  test('1 x 1 goes through the image processor; an aspect above 200 does not', async () => {
    const config = parseImageProcessorConfig({});
    const dot = await decodeImage(await picture().resize(1, 1).png().toBuffer());
    expect(processImages([dot], config).grids).toEqual([{ frames: 1, rows: 4, columns: 4 }]);
    const strip = await decodeImage(await picture().resize(402, 2, { fit: 'fill' }).png().toBuffer());
    expect(() => processImages([strip], config)).toThrow('aspect ratio of at most 200, got 402 x 2');
  });
});

describe('headers', () => {
  const formats = ['png', 'jpeg', 'webp'] as const;

  test.each([...formats, 'lossless', 'extended', 'progressive'] as const)('the size of %s is read', async (kind) => {
    const image = picture();
    const files = {
      png: () => image.png(),
      jpeg: () => image.withMetadata({ orientation: 3 }).jpeg(),
      progressive: () => image.jpeg({ progressive: true }),
      webp: () => image.webp(),
      lossless: () => image.webp({ lossless: true }),
      extended: () => image.withIccProfile('srgb').webp(),
    };
    const file = await files[kind]().toBuffer();
    expect(readImageHeader(file)).toMatchObject({ width: 7, height: 5, cmyk: false });
    for (let length = 0; length < Math.min(file.length, 400); length++) {
      expect([undefined, 7]).toContain(readImageHeader(file.subarray(0, length))?.width);
    }
  });

  afterEach(() => {
    vi.doUnmock('sharp');
    vi.resetModules();
  });

  test.each(formats)('%s of 20,000 pixels a side, or none, is refused before it is decoded', async (format) => {
    const file = await picture().toFormat(format).toBuffer();
    const frame = file.indexOf(Buffer.from([0xff, 0xc0]));
    const writeWidth = {
      png: (width: number) => file.writeUInt32BE(width, 16),
      jpeg: (width: number) => file.writeUInt16BE(width, frame + 7),
      webp: (width: number) => {
        file.write('VP8X', 12);
        file.writeUIntLE((width - 1) & 0xffffff, 24, 3);
      },
    }[format];
    vi.resetModules();
    vi.doMock('sharp', () => {
      throw new Error('decoded');
    });
    const { decodeImage: fresh } = await import('./decode-image.ts');
    writeWidth(20_000);
    await expect(fresh(file)).rejects.toThrow(/1 to 16384 pixels a side .* got 20000 x /);
    if (format === 'webp') return; // which cannot say 0
    writeWidth(0);
    await expect(fresh(file)).rejects.toMatchObject({ code: 'image-invalid' });
  });

  test.each(formats)('%s cut short anywhere is refused', async (format) => {
    const file = await picture().resize(64, 64).toFormat(format).toBuffer();
    for (const share of [0, 0.1, 0.5, 0.95]) {
      const cut = file.subarray(0, Math.floor(file.length * share));
      await expect(decodeImage(cut), `${share}`).rejects.toMatchObject({ code: 'image-invalid' });
    }
  });

  test('other formats are refused by what they are not', async () => {
    const gif = await picture().gif().toBuffer();
    const svg = Buffer.from('<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>');
    for (const file of [gif, svg]) await expect(decodeImage(file)).rejects.toThrow('PNG, JPEG or WebP');
  });
});

describe('sources', () => {
  let folder: string;
  let file: string;
  let bytes: Uint8Array<ArrayBuffer>;
  let server: Server;
  let origin: string;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'latte-images-'));
    file = join(folder, 'a picture#1.png');
    bytes = new Uint8Array(await picture().png().toBuffer());
    await writeFile(file, bytes);
    server = createServer((request, response) => {
      if (request.url === '/a.png') response.end(bytes);
      else if (request.url === '/stall.png') response.write(bytes.subarray(0, 20));
      else response.writeHead(404).end('none');
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  });
  afterAll(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
    await rm(folder, { recursive: true });
  });

  const rgba = (): Uint8ClampedArray =>
    Uint8ClampedArray.from({ length: 7 * 5 * 4 }, (_, i) => (i % 4 === 3 ? 9 : pixels.data[(i >> 2) * 3 + (i % 4)]!));

  test.each<[string, () => unknown]>([
    ['a path', () => file],
    ['a file: URL', () => pathToFileURL(file)],
    ['the text of a file: URL', () => pathToFileURL(file).href],
    ['an http: URL', () => `${origin}/a.png`],
    ['a data: URL', () => `data:image/png;base64,${Buffer.from(bytes).toString('base64')}`],
    ['a Blob', () => new Blob([bytes])],
    ['a blob: URL', () => URL.createObjectURL(new Blob([bytes]))],
    ['bytes', () => bytes],
    ['an ArrayBuffer', () => bytes.buffer],
    ['RGB pixels', () => pixels],
    ['ImageData', () => ({ data: rgba(), width: 7, height: 5 })],
    ['a canvas', () => ({ width: 7, height: 5, getContext: () => ({ getImageData: () => ({ data: rgba() }) }) })],
  ])('%s', async (_, source) => {
    expect(await loadImage(source() as ImageSource)).toEqual(pixels);
  });

  test.each<[string, () => unknown, string]>([
    ['a path to nothing', () => join(folder, 'none.png'), 'file-not-found'],
    ['a folder', () => folder, 'file-not-found'],
    ['a URL to nothing', () => `${origin}/none.png`, 'file-not-found'],
    ['a server that is not there', () => 'http://127.0.0.1:9/a.png', 'file-not-found'],
    ['pixels of the wrong length', () => ({ data: rgba().subarray(4), width: 7, height: 5 }), 'image-invalid'],
    ['pixels that are no bytes', () => ({ ...pixels, data: Float32Array.from(pixels.data) }), 'image-invalid'],
    ['an empty canvas', () => ({ width: 0, height: 5, getContext: () => null }), 'image-invalid'],
    ['an empty Blob', () => new Blob([]), 'image-invalid'],
    ['nothing', () => undefined, 'invalid-argument'],
    ['null', () => null, 'invalid-argument'],
    ['a number', () => 7, 'invalid-argument'],
    ['an object of another kind', () => ({ width: 7 }), 'invalid-argument'],
  ])('%s is refused', async (_, source, code) => {
    await expect(loadImage(source() as ImageSource)).rejects.toMatchObject({ code });
  });

  test('a file that does not decode is named', async () => {
    const cut = join(folder, 'cut.png');
    await writeFile(cut, bytes.subarray(0, 60));
    await expect(loadImage(cut)).rejects.toThrow(`got bytes that do not decode in ${cut}.`);
    await expect(loadImage('data:text/plain,hello')).rejects.toThrow('cut short in data:text/plain,hello.');
    await expect(loadImage(new Blob(['hello']), { name: 'mine' })).rejects.toThrow('cut short in mine.');
  });

  test('an abort throws its reason, before and on the way', async () => {
    const reason = new Error('enough');
    await expect(loadImage(file, { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
    const controller = new AbortController();
    const loading = loadImage(`${origin}/stall.png`, { signal: controller.signal });
    setTimeout(() => controller.abort(reason), 30);
    await expect(loading).rejects.toBe(reason);
  });
});
