/** Text of a URL that is not what RFC 3986 allows. */
export class EscapeError extends Error {
  override readonly name = 'EscapeError';
}

/**
 * Decodes what a variable captured, once. A variable of one segment is decoded in full; one of
 * several keeps `%2F` as sent, since a slash there would be another segment (google/api/http.proto).
 * Throws an EscapeError for a malformed escape and for what is not UTF-8.
 */
export function decodeCapture(raw: string, multi: boolean): string {
  if (!raw.includes('%')) return raw;
  if (!multi) return decodeEscapes(raw);
  return raw
    .split(/(%2[Ff])/)
    .map((part, index) => (index % 2 === 1 ? part : decodeEscapes(part)))
    .join('');
}

/** Percent-decoding, strict. */
export function decodeEscapes(raw: string): string {
  try {
    return decodeURIComponent(raw);
  } catch {
    const malformed = /%(?![0-9A-Fa-f]{2})/.test(raw);
    throw new EscapeError(malformed ? 'has a malformed percent-escape' : 'is not valid UTF-8');
  }
}
