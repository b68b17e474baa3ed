import { createHash } from 'node:crypto';

import { uniformNoise } from '@latte-flow/core';
import { expect, test } from 'vitest';

import { nodeHasher, webHasher } from './content-hash.ts';
import { nodeBuiltins } from './node-builtins.ts';
import { Sha256 } from './sha256.ts';

const bytesOf = (length: number): Uint8Array => Uint8Array.from(uniformNoise(length, { seed: 7 }), (u) => 256 * u);

test('SHA-256 is what Node says, at every length about the blocks and however the bytes are cut', () => {
  for (const length of [...Array(200).keys(), 1000, 4096, 100_003]) {
    const bytes = bytesOf(length);
    const expected = createHash('sha256').update(bytes).digest('hex');
    const cuts = [length, 1 + (length % 61), 64];
    for (const cut of cuts) {
      const hash = new Sha256();
      for (let begin = 0; begin < length; begin += cut) hash.update(bytes.subarray(begin, begin + cut));
      expect(hash.digest()).toBe(expected);
    }
  }
});

test('the hashes of the standard', () => {
  const digest = (text: string): string => {
    const hash = new Sha256();
    hash.update(new TextEncoder().encode(text));
    return hash.digest();
  };
  expect(digest('')).toBe('e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855');
  expect(digest('abc')).toBe('ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad');
});

test('browsers and Node hash a blob as git does', async () => {
  const content = new TextEncoder().encode('hello\n');
  const file = { path: 'a', size: content.length, hash: '', hashKind: 'git-sha1' } as const;
  for (const hasher of [webHasher, nodeHasher(nodeBuiltins()!)]) {
    const hash = hasher(file);
    hash.update(content.subarray(0, 2));
    hash.update(content.subarray(2));
    // git hash-object of a file that holds hello and a line end.
    expect(await hash.digest()).toBe('ce013625030ba8dba906f756967f9e9ca394464a');
  }
});
