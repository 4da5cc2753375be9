import { ValueFault } from './scalar-from-json.ts';

/** Seconds and nanoseconds, of a Timestamp (since 1970) or a Duration. */
export interface Time {
  readonly seconds: bigint;
  readonly nanos: number;
}

const timestamp = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.(\d{1,9}))?(?:Z|([+-])(\d\d):(\d\d))$/;
/** 0001-01-01T00:00:00Z and 9999-12-31T23:59:59Z, the range of google.protobuf.Timestamp. */
const minTimestamp = -62_135_596_800;
const maxTimestamp = 253_402_300_799;
/** About 10,000 years, the range of google.protobuf.Duration. */
const maxDuration = 315_576_000_000;

/** Reads RFC 3339, as google/protobuf/timestamp.proto narrows it. Throws a ValueFault. */
export function timestampFromText(text: string): Time {
  const match = timestamp.exec(text);
  if (match === null) throw new ValueFault('is not an RFC 3339 time such as 2030-01-31T08:30:00Z');
  const year = digitsAt(text, 0) * 100 + digitsAt(text, 2);
  const month = digitsAt(text, 5);
  const day = digitsAt(text, 8);
  const hour = digitsAt(text, 11);
  const minute = digitsAt(text, 14);
  const second = digitsAt(text, 17);
  const offsetMinutes = Number(match[3] ?? 0) * 60 + Number(match[4] ?? 0);
  const valid =
    month >= 1 &&
    month <= 12 &&
    day >= 1 &&
    day <= daysIn(year, month) &&
    hour < 24 &&
    minute < 60 &&
    second < 60 &&
    Number(match[3] ?? 0) < 24 &&
    Number(match[4] ?? 0) < 60;
  if (!valid) throw new ValueFault('is not a valid date and time');
  const local = daysSince1970(year, month, day) * 86_400 + hour * 3600 + minute * 60 + second;
  const seconds = local - (match[2] === '-' ? -60 : 60) * offsetMinutes;
  if (seconds < minTimestamp || seconds > maxTimestamp) throw new ValueFault('is not in the years 1 to 9999');
  return { seconds: BigInt(seconds), nanos: Number((match[1] ?? '').padEnd(9, '0')) };
}

/** Two digits as a number. */
function digitsAt(text: string, index: number): number {
  return text.charCodeAt(index) * 10 + text.charCodeAt(index + 1) - 528;
}

/** In the Gregorian calendar, for the years from 1; Date.UTC takes those up to 99 for 1900 to 1999. */
function daysSince1970(year: number, month: number, day: number): number {
  return Date.UTC(2000 + (year % 400), month - 1, day) / 86_400_000 + (Math.floor(year / 400) - 5) * 146_097;
}

function daysIn(year: number, month: number): number {
  if (month !== 2) return [4, 6, 9, 11].includes(month) ? 30 : 31;
  return (year % 4 === 0 && year % 100 !== 0) || year % 400 === 0 ? 29 : 28;
}

/** RFC 3339 in UTC with 0, 3, 6 or 9 digits of a fraction; undefined when it is out of range. */
export function timestampToText(seconds: number, nanos: number): string | undefined {
  if (!(seconds >= minTimestamp && seconds <= maxTimestamp) || nanos < 0 || nanos > 999_999_999)
    return undefined;
  const day = Math.floor(seconds / 86_400);
  const second = seconds - day * 86_400;
  const clock = `${twoDigits[(second / 3600) | 0]}:${twoDigits[((second / 60) | 0) % 60]}:${twoDigits[second % 60]}`;
  return `${dayText(day)}${clock}${fraction(nanos)}Z`;
}

const twoDigits = Array.from({ length: 100 }, (_, number) => String(number).padStart(2, '0'));

/** Most times of an answer are of the same few days: the texts of 64 are kept, each in one place. */
const keptDays = 64;
const dayNumbers = Array.from({ length: keptDays }, () => NaN);
const dayTexts = Array.from({ length: keptDays }, () => '');

/** A day since 1970 as `2030-01-31T`. */
function dayText(day: number): string {
  const place = day & (keptDays - 1);
  if (dayNumbers[place] !== day) {
    dayNumbers[place] = day;
    dayTexts[place] = new Date(day * 86_400_000).toISOString().slice(0, 11);
  }
  return dayTexts[place] ?? '';
}

/** Reads `1.5s`. Throws a ValueFault. */
export function durationFromText(text: string): Time {
  const match = /^(-?)(\d{1,12})(?:\.(\d{1,9}))?s$/.exec(text);
  if (match === null) throw new ValueFault('is not a duration such as 1.5s');
  const sign = match[1] === '-' ? -1 : 1;
  const seconds = Number(match[2]);
  if (seconds > maxDuration) throw new ValueFault('is longer than 315576000000s');
  const nanos = Number((match[3] ?? '').padEnd(9, '0'));
  return { seconds: BigInt(seconds * sign), nanos: nanos === 0 ? 0 : nanos * sign };
}

/** `1.5s`; undefined when it is out of range, or its parts differ in sign. */
export function durationToText(seconds: number, nanos: number): string | undefined {
  const mixed = (seconds > 0 && nanos < 0) || (seconds < 0 && nanos > 0);
  if (mixed || Math.abs(seconds) > maxDuration || Math.abs(nanos) > 999_999_999) return undefined;
  const sign = seconds < 0 || nanos < 0 ? '-' : '';
  return `${sign}${Math.abs(seconds)}${fraction(Math.abs(nanos))}s`;
}

function fraction(nanos: number): string {
  if (nanos === 0) return '';
  const digits = String(nanos).padStart(9, '0');
  if (digits.endsWith('000000')) return `.${digits.slice(0, 3)}`;
  return `.${digits.endsWith('000') ? digits.slice(0, 6) : digits}`;
}
