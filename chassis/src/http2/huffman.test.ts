import { expect, test } from '@jest/globals';
import { huffmanDecode } from './huffman.ts';

const decode = (hex: string): string | undefined => {
  const bytes = Buffer.from(hex, 'hex');
  return huffmanDecode(bytes, 0, bytes.length);
};

test.each([
  ['f1e3c2e5f23a6ba0ab90f4ff', 'www.example.com'],
  ['a8eb10649cbf', 'no-cache'],
  ['25a849e95ba97d7f', 'custom-key'],
  ['25a849e95bb8e8b4bf', 'custom-value'],
  ['6402', '302'],
  ['aec3771a4b', 'private'],
  ['d07abe941054d444a8200595040b8166e082a62d1bff', 'Mon, 21 Oct 2013 20:13:21 GMT'],
  ['9bd9ab', 'gzip'],
  [
    '94e7821dd7f2e6c7b335dfdfcd5b3960d5af27087f3672c1ab270fb5291f9587316065c003ed4ee5b1063d5007',
    'foo=ASDJKHQKBZXOQWEOPIUAXQWEOIU; max-age=3600; version=1',
  ],
  ['', ''],
])('%s of RFC 7541, appendix C, is %j', (hex, text) => {
  expect(decode(hex)).toBe(text);
});

// Appendix B. The others are held against node:http2's encoder.
test.each([
  [0, 0x1ff8, 13],
  [1, 0x7fffd8, 23],
  [9, 0xffffea, 24],
  [10, 0x3ffffffc, 30],
  [13, 0x3ffffffd, 30],
  [22, 0x3ffffffe, 30],
  [31, 0xffffffb, 28],
  [32, 0x14, 6],
  [127, 0xffffffc, 28],
  [128, 0xfffe6, 20],
  [255, 0x3ffffee, 26],
])('byte %i has the code of appendix B', (byte, code, bits) => {
  const padded = code.toString(2).padStart(bits, '0').padEnd(32, '1');
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(Number.parseInt(padded, 2));
  expect(huffmanDecode(bytes, 0, Math.ceil(bits / 8))).toBe(String.fromCharCode(byte));
});
