import { expect, test } from '@jest/globals';
import { HealthCheckRequest } from '@weft/proto/health/v1/health';
import { decodeUtf8 } from './strict-text.ts';

test.each(['', 'ascii', 'äöü €😀', '\ufeffbyte order mark', 'x'.repeat(100), `${'ä'.repeat(60)}`])(
  'UTF-8 is read as it is: %j',
  (text) => {
    expect(decodeUtf8(Buffer.from(text))).toBe(text);
    expect(HealthCheckRequest.decode(HealthCheckRequest.encode({ service: text }).finish())).toEqual({
      service: text,
    });
  },
);

test.each([
  ['a byte that never occurs', [0xff]],
  ['half a character', [0x61, 0xc3]],
  ['an overlong form', [0xc0, 0xaf]],
  ['half of a surrogate pair', [0xed, 0xa0, 0x80]],
  ['a bad byte in a long text', [...Buffer.alloc(100, 0x61), 0xfe]],
])('a string with %s is no message', (_, bytes) => {
  expect(() => HealthCheckRequest.decode(Uint8Array.from([0x0a, bytes.length, ...bytes]))).toThrow('utf-8');
});
