import { ConnectionFault, errorCodes, StreamFault } from './frames.ts';
import { huffmanDecode } from './huffman.ts';

/** Headers as they came: by name, several values of one name as a list. */
export type Headers = Readonly<Record<string, string | readonly string[]>>;

/** RFC 7541, appendix A. */
const staticTable: readonly (readonly [name: string, value: string])[] = [
  [':authority', ''],
  [':method', 'GET'],
  [':method', 'POST'],
  [':path', '/'],
  [':path', '/index.html'],
  [':scheme', 'http'],
  [':scheme', 'https'],
  ...['200', '204', '206', '304', '400', '404', '500'].map((status) => [':status', status] as const),
  ['accept-charset', ''],
  ['accept-encoding', 'gzip, deflate'],
  ...(
    'accept-language accept-ranges accept access-control-allow-origin age allow authorization cache-control ' +
    'content-disposition content-encoding content-language content-length content-location content-range ' +
    'content-type cookie date etag expect expires from host if-match if-modified-since if-none-match if-range ' +
    'if-unmodified-since last-modified link location max-forwards proxy-authenticate proxy-authorization range ' +
    'referer refresh retry-after server set-cookie strict-transport-security transfer-encoding user-agent vary ' +
    'via www-authenticate'
  )
    .split(' ')
    .map((name) => [name, ''] as const),
];

/** Blocks longer than this are read each time anew. */
const longestRemembered = 512;
const mostRemembered = 256;
/** Those of late, and those before them: what comes often is in one or the other. */
let young = new Map<string, Headers>();
let old = new Map<string, Headers>();

/**
 * The most that a block's headers may come to, as RFC 9113 counts them (SETTINGS_MAX_HEADER_LIST_SIZE): names,
 * values, and 32 bytes for each. A byte of a block can stand for many.
 */
export const longestListBytes = 64 * 1024;

/**
 * Reads the header block of an answer (HPACK, RFC 7541) from a peer that was told to keep no table of its own
 * (SETTINGS_HEADER_TABLE_SIZE 0). So a block means the same wherever it comes, and those that come again and
 * again, as the headers and trailers of gRPC do, are read once. What may be secret is not kept.
 *
 * Throws a ConnectionFault (COMPRESSION_ERROR) for what cannot be decoded, as both sides' state is then unknown
 * (RFC 9113, 4.3), and a StreamFault (PROTOCOL_ERROR) for what no answer may hold (8.1.1).
 */
export function readHeaderBlock(bytes: Buffer): Headers {
  if (bytes.length > longestRemembered) return new BlockReader(bytes).read();
  const key = bytes.toString('latin1');
  const known = young.get(key);
  if (known !== undefined) return known;
  let headers = old.get(key);
  if (headers === undefined) {
    const reader = new BlockReader(bytes);
    headers = reader.read();
    if (reader.secret) return headers;
    for (const value of Object.values(headers)) Object.freeze(value);
    Object.freeze(headers);
  }
  if (young.size >= mostRemembered) {
    old = young;
    young = new Map();
  }
  young.set(key, headers);
  return headers;
}

/** Values of one caller, beside those that were sent as never to be indexed (RFC 7541, 7.1.3). */
const secretNames = /^(?:set-cookie|authorization|.*-bin)$/;

/** Those of HTTP/1.1 connections (RFC 9113, section 8.2.2). */
const ofConnections = new Set([
  'connection',
  'proxy-connection',
  'keep-alive',
  'transfer-encoding',
  'upgrade',
]);

class BlockReader {
  /** Whether it holds what should not be kept. */
  secret = false;
  readonly #bytes: Buffer;
  #pos = 0;
  #listBytes = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  read(): Headers {
    const headers: Record<string, string | string[]> = Object.create(null) as Record<string, string>;
    this.#sizeUpdates();
    // What is wrong with the message is told when HPACK is known to be right.
    let fault: StreamFault | undefined;
    let regular = false;
    while (this.#pos < this.#bytes.length) {
      const [name, value] = this.#field(this.#bytes[this.#pos] ?? 0);
      this.#listBytes += name.length + value.length + 32;
      this.secret ||= secretNames.test(name);
      if (name.startsWith(':')) {
        if (regular) fault ??= malformed(`${name} stands after other headers`);
      } else regular = true;
      fault ??= this.#listBytes > longestListBytes ? malformed('the headers are too long') : undefined;
      fault ??= add(headers, name, value);
    }
    if (fault !== undefined) throw fault;
    return headers;
  }

  /** At the beginning, and only to the size that was allowed (RFC 7541, 4.2 and 6.3). */
  #sizeUpdates(): void {
    while (((this.#bytes[this.#pos] ?? 0) & 0xe0) === 0x20)
      if (this.#integer(5) !== 0) throw undecodable('the table is larger than allowed');
  }

  #field(first: number): readonly [string, string] {
    if (first >= 0x80) return entry(this.#integer(7));
    if ((first & 0xe0) === 0x20) throw undecodable('the size of the table changes within a block');
    // With indexing, never indexed, without indexing: the same to a reader that keeps nothing.
    if ((first & 0xf0) === 0x10) this.secret = true;
    const index = this.#integer(first >= 0x40 ? 6 : 4);
    const name = index === 0 ? this.#string() : entry(index)[0];
    return [name, this.#string()];
  }

  /** RFC 7541, section 5.1. */
  #integer(prefixBits: number): number {
    const most = (1 << prefixBits) - 1;
    let value = this.#byte() & most;
    if (value < most) return value;
    for (let shift = 0; shift <= 21; shift += 7) {
      const byte = this.#byte();
      value += (byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
    throw undecodable('an integer is too long');
  }

  #string(): string {
    const coded = (this.#bytes[this.#pos] ?? 0) >= 0x80;
    const length = this.#integer(7);
    const start = this.#pos;
    const end = start + length;
    if (end > this.#bytes.length) throw undecodable('a string is cut off');
    this.#pos = end;
    const text = coded ? huffmanDecode(this.#bytes, start, end) : this.#bytes.toString('latin1', start, end);
    if (text === undefined) throw undecodable('a string is not Huffman coded');
    return text;
  }

  #byte(): number {
    const byte = this.#bytes[this.#pos++];
    if (byte === undefined) throw undecodable('a header block is cut off');
    return byte;
  }
}

function entry(index: number): readonly [string, string] {
  const found = staticTable[index - 1];
  if (found === undefined) throw undecodable(`there is no header at ${index}`);
  return found;
}

/** Adds a header, or answers what is wrong with it. */
function add(
  headers: Record<string, string | string[]>,
  name: string,
  value: string,
): StreamFault | undefined {
  const before = headers[name];
  if (name.startsWith(':')) {
    if (name !== ':status') return malformed('an answer has a pseudo header that is not its own');
    if (before !== undefined) return malformed(`${name} is there twice`);
    if (!/^[1-9]\d\d$/.test(value)) return malformed(`${name} is no status`);
  } else if (!/^[!#$%&'*+\-.^_`|~0-9a-z]+$/.test(name)) return malformed('a name is no header name');
  else if (ofConnections.has(name)) return malformed(`${name} is not for HTTP/2`);
  // oxlint-disable-next-line no-control-regex
  if (/[\0\r\n]/.test(value)) return malformed(`${name} has a line break`);
  if (before === undefined) headers[name] = value;
  else if (typeof before === 'string') headers[name] = [before, value];
  else before.push(value);
  return undefined;
}

function undecodable(message: string): ConnectionFault {
  return new ConnectionFault(errorCodes.compressionError, message);
}

function malformed(message: string): StreamFault {
  return new StreamFault(errorCodes.protocolError, message);
}
