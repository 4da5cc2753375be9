import { expect, test } from '@jest/globals';
import { encodeHeaders } from './header-writer.ts';
import { readHeaderBlock } from './header-block.ts';

const read = (hex: string): Record<string, unknown> => ({
  ...readHeaderBlock(Buffer.from(hex.replaceAll(' ', ''), 'hex')),
});

/**
 * RFC 7541, appendix C. Of its sequences only the first block of each is one that this reader is sent: the others
 * refer to a dynamic table, which it allows nobody to use. Requests (C.3, C.4) are not answers.
 */
test('the examples of RFC 7541 are read', () => {
  // C.2.1, C.2.3
  expect(read('400a 6375 7374 6f6d 2d6b 6579 0d63 7573 746f 6d2d 6865 6164 6572')).toEqual({
    'custom-key': 'custom-header',
  });
  expect(read('1008 7061 7373 776f 7264 0673 6563 7265 74')).toEqual({ password: 'secret' });
  const first = {
    ':status': '302',
    'cache-control': 'private',
    date: 'Mon, 21 Oct 2013 20:13:21 GMT',
    location: 'https://www.example.com',
  };
  // C.5.1, C.6.1
  expect(
    read(
      '4803 3330 3258 0770 7269 7661 7465 611d 4d6f 6e2c 2032 3120 4f63 7420 3230 3133 2032 303a 3133 3a32' +
        '3120 474d 546e 1768 7474 7073 3a2f 2f77 7777 2e65 7861 6d70 6c65 2e63 6f6d',
    ),
  ).toEqual(first);
  expect(
    read(
      '4882 6402 5885 aec3 771a 4b61 96d0 7abe 9410 54d4 44a8 2005 9504 0b81 66e0 82a6 2d1b ff6e 919d 29ad' +
        '1718 63c7 8f0b 97c8 e9ae 82ae 43d3',
    ),
  ).toEqual(first);
  // C.1.2: 1337 as the length of a value.
  expect(read(`0001 78 7fba09 ${'61'.repeat(1337)}`)).toEqual({ x: 'a'.repeat(1337) });
});

test.each([
  ['an index of no entry', 'be', 'there is no header at 62'],
  ['index 0', '80', 'there is no header at 0'],
  ['a name of no entry', '7f 00 01 61', 'there is no header at 63'],
  ['an integer that is cut off', 'ff', 'cut off'],
  ['an integer without end', 'ff ff ff ff ff ff ff 00', 'an integer is too long'],
  ['an integer of leading zeros', '00 7f 80 80 80 80 80 00', 'an integer is too long'],
  ['a string longer than the block', '00 05 61', 'a string is cut off'],
  ['padding with zeros', '00 01 61 81 08', 'not Huffman coded'],
  ['padding of more than seven bits', '00 01 61 83 64 02 ff ff', 'cut off|not Huffman coded'],
  ['padding of eight bits', '00 01 61 82 1f ff', 'not Huffman coded'],
  ['the end of a string within it', '00 01 61 84 ff ff ff ff', 'not Huffman coded'],
  ['a larger table than was allowed', '3f e1 1f', 'the table is larger'],
  ['a change of the table after a header', '88 20', 'changes within a block'],
])('%s loses the connection', (_, hex, message) => {
  const name = 'ConnectionFault';
  expect(() => read(hex)).toThrow(
    expect.objectContaining({ name, code: 9, message: expect.stringMatching(message) }),
  );
});

test.each([
  [[':path', '/']],
  [[':unknown', 'x']],
  [[':status', '200', ':status', '200']],
  [['x', '1', ':status', '200']],
  [[':status', '20']],
  [[':status', '+200']],
  [['Upper', 'x']],
  [['', 'x']],
  [['a b', 'x']],
  [['x', 'a\0b']],
  [['x', 'a\r\nb: c']],
  [['connection', 'close']],
  [['transfer-encoding', 'chunked']],
])('%j is no answer', (pairs) => {
  const fault = expect.objectContaining({ name: 'StreamFault', code: 1 });
  expect(() => readHeaderBlock(encodeHeaders(pairs))).toThrow(fault);
  // What cannot be decoded is worse, wherever it comes.
  expect(() => readHeaderBlock(Buffer.concat([encodeHeaders(pairs), Buffer.from([0x80])]))).toThrow(
    expect.objectContaining({ code: 9 }),
  );
});

test('an empty table, however often it is said, is what was asked for', () => {
  expect(read('20 20 88')).toEqual({ ':status': '200' });
});

test('values of one name are a list, and bytes above ASCII one character each', () => {
  const pairs = ['a', '1', 'b', '\x80\xff', 'a', '', 'a', '3', '__proto__', 'own'];
  const headers = readHeaderBlock(encodeHeaders(pairs));
  expect(headers['a']).toEqual(['1', '', '3']);
  expect(headers['b']).toBe('\x80\xff');
  expect(Object.keys(headers)).toEqual(['a', 'b', '__proto__']);
});

test('a small block that stands for many headers is refused', () => {
  expect(Object.keys(readHeaderBlock(Buffer.alloc(1_000, 0x90)))).toEqual(['accept-encoding']);
  expect(() => readHeaderBlock(Buffer.alloc(2_000, 0x90))).toThrow('the headers are too long');
});

test('blocks that come again are read once and cannot be changed; secrets and what is seldom are not kept', () => {
  const block = (...pairs: string[]): Buffer => encodeHeaders([':status', '200', ...pairs]);
  const kept = (...pairs: string[]): boolean =>
    readHeaderBlock(block(...pairs)) === readHeaderBlock(block(...pairs));
  const often = readHeaderBlock(block('x-often', '1', 'x-often', '2'));
  expect(Object.isFrozen(often) && Object.isFrozen(often['x-often'])).toBe(true);
  expect(kept('set-cookie', 'id=1')).toBe(false);
  expect(kept('authorization', 'x')).toBe(false);
  expect(kept('grpc-status-details-bin', 'x')).toBe(false);
  expect(kept('x-long', 'x'.repeat(600))).toBe(false);
  expect(kept('x-short', 'x')).toBe(true);
  const seldom = readHeaderBlock(block('x-seldom', '1'));
  for (let round = 0; round < 10; round += 1) {
    for (let i = 0; i < 100; i += 1) readHeaderBlock(block('x-request-id', `${round} ${i}`));
    expect(readHeaderBlock(block('x-often', '1', 'x-often', '2'))).toBe(often);
  }
  expect(readHeaderBlock(block('x-seldom', '1'))).not.toBe(seldom);
});
