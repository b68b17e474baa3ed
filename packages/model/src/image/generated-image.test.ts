import { decode } from 'fast-png';
import { crc32 } from 'node:zlib';
import { expect, test } from 'vitest';

import { GeneratedImage } from './generated-image.ts';
import { toRgbBytes } from './pixels.ts';

const size = { width: 3, height: 2 };
const data = Uint8Array.from({ length: 18 }, (_, i) => (i * 29) % 256);
const settings = { prompt: 'a red apple', seed: 2 ** 53 - 1, index: 1, steps: 20, guidanceScale: 3.5, solver: 'heun' };

/** Chunks of a PNG file; every checksum is held to the data. */
function chunksOf(png: Uint8Array): { type: string; body: Uint8Array }[] {
  const view = new DataView(png.buffer, png.byteOffset, png.byteLength);
  const chunks = [];
  for (let at = 8; at < png.length;) {
    const length = view.getUint32(at);
    const type = String.fromCharCode(...png.subarray(at + 4, at + 8));
    expect(view.getUint32(at + 8 + length), type).toBe(crc32(png.subarray(at + 4, at + 8 + length)));
    chunks.push({ type, body: png.subarray(at + 8, at + 8 + length) });
    at += 12 + length;
  }
  return chunks;
}

test('a PNG file gives back the pixels, and the settings as text', async () => {
  const image = new GeneratedImage(data, size, settings);
  expect([image.seed, image.index, image.width, image.height]).toEqual([2 ** 53 - 1, 1, 3, 2]);
  const decoded = decode(image.toPng());
  expect(decoded).toMatchObject({ ...size, channels: 3, depth: 8, data });
  expect(decoded.text).toEqual({
    prompt: 'a red apple',
    seed: '9007199254740991',
    index: '1',
    steps: '20',
    guidanceScale: '3.5',
    solver: 'heun',
  });
  const blob = image.toBlob();
  expect(blob.type).toBe('image/png');
  expect(new Uint8Array(await blob.arrayBuffer())).toEqual(image.toPng());
});

test.each(['ein Apfel – rot', '赤いりんご', '🍎 apple'])('the prompt %s is international text', (prompt) => {
  const png = new GeneratedImage(data, size, { ...settings, prompt }).toPng();
  const decoded = decode(png, { checkCrc: true });
  expect(decoded.data).toEqual(data);
  expect(decoded.text).not.toHaveProperty('prompt');
  expect(decoded.text).toMatchObject({ steps: '20' });
  const chunks = chunksOf(png);
  expect(chunks.map(({ type }) => type).slice(0, 2)).toEqual(['IHDR', 'iTXt']);
  expect(chunks.at(-1)!.type).toBe('IEND');
  expect(new TextDecoder().decode(chunks[1]!.body)).toBe(`prompt\0\0\0\0\0${prompt}`);
});

test('Latin-1 prompts are plain text', () => {
  const png = new GeneratedImage(data, size, { ...settings, prompt: 'café, ½' }).toPng();
  expect(decode(png).text).toMatchObject({ prompt: 'café, ½' });
  expect(chunksOf(png).map(({ type }) => type)).not.toContain('iTXt');
});

test('pixels in [-1, 1], channel first, become RGB bytes; what lies outside is cut', () => {
  const planes = Float32Array.of(-1, 0, 1, -3, 0.5, 7); // red: 2 pixels, green: 2, blue: 2
  expect([...toRgbBytes(planes, { width: 2, height: 1 })]).toEqual([0, 255, 191, 128, 0, 255]);
});
