import type { Random } from './random.ts';

/** Texts that have broken programs before. */
const nasty = [
  '',
  ' ',
  '0',
  '-0',
  '1e400',
  'NaN',
  'null',
  'true',
  '__proto__',
  'constructor',
  'prototype',
  'hasOwnProperty',
  'toString',
  '\'"`;--',
  '${1}',
  '../../etc/passwd',
  '\u0000',
  '\r\nset-cookie: a=b',
  '\ufeff',
  '\u2028',
  'é',
  '𝄞',
  '\ud800',
  '<script>',
  'a'.repeat(300),
  '9223372036854775808',
  '1970-01-01T00:00:00Z',
  '-62135596801s',
  'a.b,c_d',
];

export function text(random: Random): string {
  if (random.chance(0.3)) return random.pick(nasty);
  const length = random.below(12);
  let made = '';
  for (let i = 0; i < length; i++) made += String.fromCharCode(0x20 + random.below(0x5f));
  return made;
}

/** What may stand in a request target, where a percent sign begins an escape, or should. */
const targetPieces = [
  ...'/:.%{}*?&=+abcf09\\~[]()@!$\'",;|^`<>#'.split(''),
  '%2F',
  '%2f',
  '%2e%2e',
  '%00',
  '%ff',
  '%zz',
];

export function targetText(random: Random, most: number): string {
  return random.list(most, () => random.pick(targetPieces)).join('');
}

/** Encoded for a target; now and then wrongly, or not at all. */
export function escaped(random: Random, plain: string): string {
  if (random.chance(0.05)) return targetText(random, 8);
  return encodeURIComponent(plain.toWellFormed());
}

/** What a header's value may hold (RFC 9110, 5.5), as latin1. */
export function headerValue(random: Random): string {
  return text(random).replace(/[^\x20-\x7e\x80-\xff]/g, '~');
}

/** A few bytes changed, taken out, put in, said twice or cut off. */
export function mutated(random: Random, bytes: Buffer): Buffer {
  let result = bytes;
  for (let times = 1 + random.below(3); times > 0; times--) {
    const at = random.below(result.length + 1);
    const to = Math.min(result.length, at + random.below(8));
    const [head, middle, tail] = [result.subarray(0, at), result.subarray(at, to), result.subarray(to)];
    switch (random.below(5)) {
      case 0:
        result = Buffer.concat([head, Buffer.from([random.below(256)]), tail]);
        break;
      case 1:
        result = Buffer.concat([head, tail]);
        break;
      case 2:
        result = Buffer.concat([head, Buffer.from(random.pick(nasty)), middle, tail]);
        break;
      case 3:
        result = Buffer.concat([head, middle, middle, tail]);
        break;
      default:
        result = random.chance(0.3) ? head : Buffer.concat([head, tail, middle]);
    }
  }
  return result;
}
