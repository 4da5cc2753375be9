/**
 * Bits of the code of each of the 256 bytes and of the end of a string, in base 36 (RFC 7541, appendix B). The
 * code is canonical: the shorter first, those of one length in the order of their symbols. So this is all of it.
 */
const lengths =
  'dnsssssssoussussssssssusssssssss6aacd68baa8b8666555666666678f6ca' +
  'd67777777777777777777777878djde6f56565666577666567655677777fbeds' +
  'kmkkmmmnmnnnnnonoomnonnnnlmnmnnomlkmmnnlnmmolmnnllmlnmnnkmmmnmmn' +
  'qqkjmnmpqqqrrqopjlqrrqrollqqsrrrkoklmllnmmppooqnqrqqrrrrrsrrrrrq' +
  'u';

const longest = 30;
const endOfString = 256;

/** By length: the first code, how many there are, and where their symbols begin in `symbols`. */
const firstCode: number[] = [];
const counts: number[] = [];
const offsets: number[] = [];
const symbols: number[] = [];

let code = 0;
for (let bits = 1; bits <= longest; bits++) {
  code <<= 1;
  firstCode[bits] = code;
  offsets[bits] = symbols.length;
  for (let symbol = 0; symbol <= endOfString; symbol++)
    if (Number.parseInt(lengths[symbol] ?? '', 36) === bits) symbols.push(symbol);
  counts[bits] = symbols.length - (offsets[bits] ?? 0);
  code += counts[bits] ?? 0;
}

/** Decodes a Huffman coded string, a character a byte; undefined where it is none (RFC 7541, section 5.2). */
export function huffmanDecode(bytes: Uint8Array, start: number, end: number): string | undefined {
  const decoded: number[] = [];
  let bits = 0;
  let value = 0;
  for (let at = start; at < end; at++) {
    const byte = bytes[at] ?? 0;
    for (let shift = 7; shift >= 0; shift--) {
      value = (value << 1) | ((byte >> shift) & 1);
      bits++;
      const index = value - (firstCode[bits] ?? 0);
      if (index < 0 || index >= (counts[bits] ?? 0)) {
        if (bits === longest) return undefined;
        continue;
      }
      const symbol = symbols[(offsets[bits] ?? 0) + index] ?? endOfString;
      if (symbol === endOfString) return undefined;
      decoded.push(symbol);
      bits = 0;
      value = 0;
    }
  }
  // What is left is padding: fewer than eight ones.
  if (bits > 7 || value !== (1 << bits) - 1) return undefined;
  return Buffer.from(decoded).toString('latin1');
}
