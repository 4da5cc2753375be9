import { configureTextEncoding, getTextEncoding } from '@bufbuild/protobuf/wire';

const strict = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
/** Up to this many bytes a loop over them is cheaper than a decoder. */
const shortBytes = 48;

/**
 * Strings of protobuf as UTF-8, which they must be (protobuf.dev, proto3 scalar types): generated decoders
 * would otherwise replace what is not. Throws a TypeError.
 */
export function decodeUtf8(bytes: Uint8Array): string {
  if (bytes.length > shortBytes) return strict.decode(bytes);
  let text = '';
  for (const byte of bytes) {
    if (byte >= 0x80) return strict.decode(bytes);
    text += String.fromCharCode(byte);
  }
  return text;
}

// There is no other way to reach the decoders that ts-proto generates.
configureTextEncoding({ ...getTextEncoding(), decodeUtf8 });
