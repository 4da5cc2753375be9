/** The grammar of a JSON number (RFC 8259, section 6), which is all that ProtoJSON allows in a string too. */
const jsonNumber = /^-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?$/;
/** More digits than any 64-bit integer has. */
const maxDigits = 20;

/**
 * The integer that a JSON number's text stands for, exactly: `1e3` and `5.0` are integers, `5.5` and
 * `0x10` are not. Undefined for what is not an integer; huge exponents cost nothing.
 */
export function exactInteger(text: string): bigint | undefined {
  const match = jsonNumber.exec(text);
  if (match === null) return undefined;
  const [, whole = '', fraction = '', exponent = ''] = match;
  if (fraction === '' && exponent === '') return BigInt(text.slice(0, maxDigits + 5));
  const digits = (whole + fraction.slice(1)).replace(/^0+/, '');
  const significant = digits.replace(/0+$/, '');
  if (significant === '') return 0n;
  const shift =
    Number(exponent.slice(1) || '0') - Math.max(fraction.length - 1, 0) + digits.length - significant.length;
  if (shift < 0) return undefined;
  // Out of every range, so any number that is too large does.
  const magnitude =
    significant.length + shift > maxDigits ? 10n ** 30n : BigInt(significant) * 10n ** BigInt(shift);
  return text.startsWith('-') ? -magnitude : magnitude;
}

/** A finite number from text in JSON's grammar; undefined for anything else. */
export function finiteNumber(text: string): number | undefined {
  if (!jsonNumber.test(text)) return undefined;
  const value = Number(text);
  return Number.isFinite(value) ? value : undefined;
}

/** The shortest text that reads back as the same 32-bit float. */
export function float32Text(value: number): string {
  if (Number.isInteger(value) && Math.abs(value) < 1e7) return Object.is(value, -0) ? '-0' : String(value);
  // Below the smallest normal float, fewer digits than six can be enough.
  for (let digits = Math.abs(value) < 1.1754943508222875e-38 ? 1 : 6; digits < 9; digits++) {
    const candidate = Number(value.toPrecision(digits));
    if (Math.fround(candidate) === value) return String(candidate);
  }
  return String(Number(value.toPrecision(9)));
}
