/** One HTTP/1.1 answer as it came. */
export interface RawAnswer {
  readonly status: number;
  readonly headers: ReadonlyMap<string, string>;
  readonly body: Buffer;
  /** Where it ends in the bytes that were read. */
  readonly end: number;
}

/**
 * The first final answer in `bytes`; undefined while it is not whole. Throws for what is no answer.
 * `bodiless`: it answers a HEAD. Nothing of node:http's own parser is in it.
 */
export function readAnswer(bytes: Buffer, bodiless: boolean): RawAnswer | undefined {
  const headEnd = bytes.indexOf('\r\n\r\n');
  if (headEnd === -1) return undefined;
  const [statusLine = '', ...lines] = bytes.toString('latin1', 0, headEnd).split('\r\n');
  const [, digits] = /^HTTP\/1\.1 (\d{3}) [ -~]*$/.exec(statusLine) ?? [];
  if (digits === undefined) throw new Error(`no status line: ${JSON.stringify(statusLine.slice(0, 80))}`);
  const status = Number(digits);
  const headers = new Map<string, string>();
  for (const line of lines) {
    const [, name, value = ''] = /^([!#$%&'*+.^_`|~\w-]+): ?(.*)$/.exec(line) ?? [];
    if (name === undefined) throw new Error(`no header: ${JSON.stringify(line.slice(0, 80))}`);
    headers.set(name.toLowerCase(), value);
  }
  const start = headEnd + 4;
  if (status < 200) {
    const final = readAnswer(bytes.subarray(start), bodiless);
    return final && { ...final, end: final.end + start };
  }
  const done = (body: Buffer, end: number): RawAnswer => ({ status, headers, body, end });
  if (bodiless || status === 204 || status === 304) return done(Buffer.alloc(0), start);
  if (headers.get('transfer-encoding') === 'chunked') return readChunks(bytes, start, done);
  const length = Number(headers.get('content-length'));
  if (!Number.isSafeInteger(length)) throw new Error('an answer without a length');
  return bytes.length < start + length
    ? undefined
    : done(bytes.subarray(start, start + length), start + length);
}

function readChunks(
  bytes: Buffer,
  start: number,
  done: (body: Buffer, end: number) => RawAnswer,
): RawAnswer | undefined {
  const chunks: Buffer[] = [];
  for (let at = start; ;) {
    const lineEnd = bytes.indexOf('\r\n', at);
    if (lineEnd === -1) return undefined;
    const size = Number.parseInt(bytes.toString('latin1', at, lineEnd), 16);
    if (Number.isNaN(size)) throw new Error('a chunk without a size');
    const from = lineEnd + 2;
    if (size === 0) {
      // Trailers, if any, end with an empty line.
      const end = bytes.indexOf('\r\n', from) === from ? from + 2 : bytes.indexOf('\r\n\r\n', from) + 4;
      return bytes.length < end || end < from ? undefined : done(Buffer.concat(chunks), end);
    }
    if (bytes.length < from + size + 2) return undefined;
    chunks.push(bytes.subarray(from, from + size));
    at = from + size + 2;
  }
}
