import { ServiceError } from '@weft/chassis/errors';

/**
 * The bytes of a body that is base64 in pieces, each with padding of its own, which need not end where frames
 * do (PROTOCOL-WEB.md, "Text-encoded (response) streams"). Throws INVALID_ARGUMENT for anything else.
 */
export async function* decodeBase64Chunks(
  chunks: AsyncIterable<Uint8Array>,
): AsyncGenerator<Uint8Array, undefined> {
  let rest = '';
  for await (const chunk of chunks) {
    const text = rest + Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength).toString('latin1');
    const whole = text.length - (text.length % 4);
    rest = text.slice(whole);
    if (whole > 0) yield decode(text.slice(0, whole));
  }
  if (rest !== '') yield decode(rest);
}

const groups =
  /^(?:[A-Za-z0-9+/]{4}|[A-Za-z0-9+/]{3}=|[A-Za-z0-9+/]{2}(?:==)?$|[A-Za-z0-9+/]{3}$|[A-Za-z0-9+/]{2}==)*$/;

function decode(text: string): Buffer {
  if (!groups.test(text))
    throw new ServiceError('INVALID_ARGUMENT', 'MALFORMED_BODY', 'the body is not base64');
  if (!text.includes('=')) return Buffer.from(text, 'base64');
  // Buffer takes padding for the end.
  return Buffer.concat((text.match(/[^=]+={0,2}/g) ?? []).map((piece) => Buffer.from(piece, 'base64')));
}
