import { huffmanDecode } from './huffman.ts';

/** Headers as they came: by name, several values of one name as a list. */
export type Headers = Readonly<Record<string, string | readonly string[]>>;

/** A header block that cannot be read: HPACK's state is lost, and with it the connection (RFC 9113, 4.3). */
export class CompressionFault extends Error {
  override readonly name = 'CompressionFault';
}

/** Headers that are no valid HTTP message: the stream is reset (RFC 9113, 8.1.1). */
export class MalformedHeaders extends Error {
  override readonly name = 'MalformedHeaders';
}

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
const remembered = new Map<string, Headers>();

/**
 * Reads a header block (HPACK, RFC 7541) of a peer that was told to keep no table of its own
 * (SETTINGS_HEADER_TABLE_SIZE 0). So a block means the same wherever it comes, and those that come again and
 * again, as the headers and trailers of gRPC do, are read once.
 *
 * Throws a CompressionFault, or MalformedHeaders for what no header may hold.
 */
export function readHeaderBlock(bytes: Buffer): Headers {
  if (bytes.length > longestRemembered) return new BlockReader(bytes).read();
  const key = bytes.toString('latin1');
  let headers = remembered.get(key);
  if (headers === undefined) {
    headers = new BlockReader(bytes).read();
    if (remembered.size >= mostRemembered) remembered.clear();
    remembered.set(key, headers);
  }
  return headers;
}

class BlockReader {
  readonly #bytes: Buffer;
  #pos = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  read(): Headers {
    const headers: Record<string, string | string[]> = Object.create(null) as Record<string, string>;
    let regular = false;
    while (this.#pos < this.#bytes.length) {
      const first = this.#bytes[this.#pos] ?? 0;
      if ((first & 0xe0) === 0x20) {
        // A change of the table's size, which must end at 0.
        this.#integer(5);
        continue;
      }
      const [name, value] = this.#field(first);
      if (name.startsWith(':') && regular) throw new MalformedHeaders(`${name} stands after other headers`);
      regular ||= !name.startsWith(':');
      add(headers, name, value);
    }
    return headers;
  }

  #field(first: number): readonly [string, string] {
    if (first >= 0x80) return entry(this.#integer(7));
    // With indexing, never indexed, without indexing: the same to a reader that keeps nothing.
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
    throw new CompressionFault('an integer is too long');
  }

  #string(): string {
    const coded = (this.#bytes[this.#pos] ?? 0) >= 0x80;
    const length = this.#integer(7);
    const start = this.#pos;
    const end = start + length;
    if (end > this.#bytes.length) throw new CompressionFault('a string is cut off');
    this.#pos = end;
    const text = coded ? huffmanDecode(this.#bytes, start, end) : this.#bytes.toString('latin1', start, end);
    if (text === undefined) throw new CompressionFault('a string is not Huffman coded');
    return text;
  }

  #byte(): number {
    const byte = this.#bytes[this.#pos++];
    if (byte === undefined) throw new CompressionFault('a header block is cut off');
    return byte;
  }
}

function entry(index: number): readonly [string, string] {
  const found = staticTable[index - 1];
  if (found === undefined) throw new CompressionFault(`there is no header at ${index}`);
  return found;
}

function add(headers: Record<string, string | string[]>, name: string, value: string): void {
  if (!/^:?[!#$%&'*+\-.^_`|~0-9a-z]+$/.test(name)) throw new MalformedHeaders('a name is no header name');
  // eslint-disable-next-line no-control-regex
  if (/[\0\r\n]/.test(value)) throw new MalformedHeaders(`${name} has a line break`);
  const before = headers[name];
  if (before === undefined) headers[name] = value;
  else if (name.startsWith(':')) throw new MalformedHeaders(`${name} is there twice`);
  else if (typeof before === 'string') headers[name] = [before, value];
  else before.push(value);
}
