/**
 * Writes headers as literals that neither side keeps (RFC 7541, 6.2.2 and, for what is secret, 6.2.3): what HPACK
 * could save costs more than the bytes do within a data centre.
 */

/** Never to be compressed by anyone on the way, as its length would tell of it. */
const secret = new Set(['authorization', 'cookie', 'proxy-authorization']);

/** The bytes that names and values in turn take. All are of one byte a character. */
export function headerBytes(pairs: readonly string[]): number {
  let bytes = pairs.length / 2;
  for (const text of pairs)
    bytes += text.length < 127 ? 1 + text.length : longLength(text.length) + text.length;
  return bytes;
}

/** Writes names and values in turn, and returns where they end. */
export function writeHeaders(buffer: Buffer, at: number, pairs: readonly string[]): number {
  let pos = at;
  for (let i = 0; i < pairs.length; i += 2) {
    const name = pairs[i] ?? '';
    buffer[pos] = secret.has(name) ? 0x10 : 0;
    pos = writeString(buffer, pos + 1, name);
    pos = writeString(buffer, pos, pairs[i + 1] ?? '');
  }
  return pos;
}

/** Headers that are written once and sent often. */
export function encodeHeaders(pairs: readonly string[]): Buffer {
  const buffer = Buffer.allocUnsafeSlow(headerBytes(pairs));
  writeHeaders(buffer, 0, pairs);
  return buffer;
}

function writeString(buffer: Buffer, at: number, text: string): number {
  let pos = at;
  let rest = text.length;
  if (rest < 127) buffer[pos++] = rest;
  else {
    buffer[pos++] = 127;
    for (rest -= 127; rest >= 128; rest = Math.floor(rest / 128)) buffer[pos++] = (rest % 128) | 128;
    buffer[pos++] = rest;
  }
  return pos + buffer.write(text, pos, 'latin1');
}

function longLength(length: number): number {
  let bytes = 2;
  for (let rest = length - 127; rest >= 128; rest = Math.floor(rest / 128)) bytes++;
  return bytes;
}
