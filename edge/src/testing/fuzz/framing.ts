import { constants } from 'node:http2';
import type { Random } from './random.ts';
import { mutated, text } from './texts.ts';

const lines = [
  'content-length: 2',
  'content-length: 02',
  'content-length: +2',
  'content-length: 2, 2',
  'content-length: 99999999999999999999',
  'Content-Length : 2',
  'transfer-encoding: chunked',
  'transfer-encoding: chunked, identity',
  'transfer-encoding: xchunked',
  'transfer-encoding:\u000bchunked',
  ' folded: yes',
  'x-a: 1\nx-b: 2',
  'x-a: 1\r\r',
  'x-nul: a\u0000b',
  ': no name',
  'no colon',
  'host: y',
  'connection: close, x',
  'connection: upgrade\r\nupgrade: websocket',
  'connection: upgrade, http2-settings\r\nupgrade: h2c\r\nhttp2-settings: AAMAAABkAAQAAP__',
  'expect: 100-continue',
  `x-long: ${'a'.repeat(9_000)}`,
];
const bodies = [
  '{}',
  '2\r\n{}\r\n0\r\n\r\n',
  'ffffffffffffffff1\r\n{}',
  '-1\r\n{}\r\n0\r\n\r\n',
  '2\n{}\n0\n\n',
  '2;a="\r\n{}',
];
const starts = [
  'GET /v1/books/1 HTTP/1.1',
  'POST /v1/echo HTTP/1.1',
  'CONNECT x:1 HTTP/1.1',
  'GET http:// HTTP/1.1',
];
const oldStarts = [
  'GET /v1/books/1 HTTP/1.0',
  'GET /v1/books/1',
  'GET / HTTP/9.9',
  'PRI * HTTP/2.0',
  '\u0016\u0003\u0001',
];

/** Bytes that are nearly HTTP/1.1, or nearly not: several requests, one after the other. */
export function brokenHttp1(random: Random): Buffer {
  const one = (): string =>
    [
      random.pick(random.chance(0.8) ? starts : oldStarts),
      ...(random.chance(0.9) ? ['host: x'] : []),
      ...random.list(3, () => random.pick(lines)),
      '',
      random.chance(0.6) ? random.pick(bodies) : '',
    ].join(random.chance(0.95) ? '\r\n' : '\n');
  const bytes = Buffer.from(random.list(3, one).join(''), 'latin1');
  return random.chance(0.3) ? mutated(random, bytes) : bytes;
}

const preface = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');
const types = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 0xa, 0x10, 0xff];
const paths = ['/v1/books/1', '/v1/echo', '/acme.v1.Library/Echo', '/', '', '*'];
const headers: readonly (readonly [string, string])[] = [
  ['content-type', 'application/grpc'],
  ['content-type', 'application/json'],
  ['te', 'trailers'],
  ['content-length', '5'],
  ['connection', 'close'],
  ['transfer-encoding', 'chunked'],
  ['Upper', 'case'],
  [':status', '200'],
  ['x-a', 'a\r\nb: c'],
  ['x-long', 'a'.repeat(9_000)],
];

/** Frames of HTTP/2 (RFC 9113), most of them right by themselves, in an order that may not be. */
export function brokenHttp2(random: Random): Buffer {
  const frames = [frame(4, 0, 0, Buffer.alloc(0))];
  for (let stream = 1, count = 1 + random.below(6); count > 0; count--) {
    if (random.chance(0.6)) {
      frames.push(frame(1, random.pick([4, 5]), stream, headerBlock(random)));
      if (random.chance(0.5)) frames.push(frame(0, 1, stream, Buffer.from('\0\0\0\0\0')));
      stream += 2;
    } else {
      const payload = Buffer.from(`${text(random)}\0`, 'latin1');
      const size = random.pick([0, 4, 5, 6, 8, payload.length]);
      frames.push(
        frame(
          random.pick(types),
          random.below(256),
          random.pick([0, stream, stream - 2, 2 ** 31 - 1]),
          Buffer.alloc(size, payload),
        ),
      );
    }
  }
  const bytes = Buffer.concat([preface, ...frames]);
  return random.chance(0.3) ? mutated(random, bytes) : bytes;
}

function frame(type: number, flags: number, stream: number, payload: Buffer): Buffer {
  const head = Buffer.alloc(9);
  head.writeUIntBE(payload.length, 0, 3);
  head[3] = type;
  head[4] = flags;
  head.writeUInt32BE(Math.max(0, stream), 5);
  return Buffer.concat([head, payload]);
}

/** HPACK without compression: each header a literal that is not indexed (RFC 7541, 6.2.2). */
function headerBlock(random: Random): Buffer {
  const list: (readonly [string, string])[] = [
    [':method', random.pick(['GET', 'POST', 'CONNECT'])],
    [':scheme', 'http'],
    [':path', random.pick(paths)],
    [':authority', 'x'],
    ...random.list(3, () => random.pick(headers)),
  ];
  if (random.chance(0.1)) list.splice(random.below(list.length), 1);
  return Buffer.concat(
    list.flatMap(([name, value]) => [Buffer.from([0]), hpackText(name), hpackText(value)]),
  );
}

function hpackText(plain: string): Buffer {
  const bytes = Buffer.from(plain, 'latin1');
  if (bytes.length < 127) return Buffer.concat([Buffer.from([bytes.length]), bytes]);
  const length: number[] = [127];
  let rest = bytes.length - 127;
  for (; rest >= 128; rest >>= 7) length.push((rest & 127) | 128);
  return Buffer.concat([Buffer.from([...length, rest]), bytes]);
}

/**
 * The statuses of an HTTP/2 answer that say the server has failed, and streams that it gave up with
 * INTERNAL_ERROR (node:http2 gives up connections so, whatever the client did). `:status` comes first in a block: 500 has an index of its own, others are literals whose
 * first digit is read; later mentions of the same one are references to it.
 */
export function http2Failures(bytes: Buffer): string[] {
  const failures: string[] = [];
  for (let at = 0; at + 9 <= bytes.length; at += 9 + bytes.readUIntBE(at, 3)) {
    const [type, payload] = [bytes[at + 3], bytes.subarray(at + 9, at + 9 + bytes.readUIntBE(at, 3))];
    if (type === 1 && payload[0] === 0x8e) failures.push('status 500');
    const literal = payload[0] === 0x48 || payload[0] === 0x08;
    if (type === 1 && literal && isFive(payload[1] ?? 0, payload[2] ?? 0)) failures.push('a status of 5xx');
    if (type === 3 && payload.readUInt32BE(0) === constants.NGHTTP2_INTERNAL_ERROR)
      failures.push('a stream reset with INTERNAL_ERROR');
  }
  return failures;
}

/** Whether a string of HPACK begins with the digit 5: as it is, or in its code of Huffman, 011011. */
function isFive(length: number, first: number): boolean {
  return length >= 128 ? first >> 2 === 0b011011 : first === 0x35;
}
