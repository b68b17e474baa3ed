import { expect, test } from 'vitest';

import { bytes, encode, float, integer, message, text } from './protobuf.ts';

const hex = (encoded: Uint8Array): string => Buffer.from(encoded).toString('hex');

// The examples of the encoding's own guide, and the two's complement of 64 bits.
test.each([
  ['a varint', integer(1, 150), '089601'],
  ['a negative number', integer(3, -1), '18ffffffffffffffffff01'],
  ['a string', text(2, 'testing'), '120774657374696e67'],
  ['an embedded message', message(3, [integer(1, 150)]), '1a03089601'],
  ['a float', float(2, 1), '150000803f'],
  ['a field above 15', integer(20, 1), 'a00101'],
  ['bytes longer than a varint byte', bytes(9, new Uint8Array(200)), `4ac801${'00'.repeat(200)}`],
])('%s', (_, field, expected) => {
  expect(hex(encode([field]))).toBe(expected);
});
