import type { Money } from '@weft/proto/google/type/money';
import type { FieldViolation } from '../errors.ts';

const nanosPerMinor = 10_000_000;
const maxNanos = 999_999_999;

/** What an amount must be. Minor units are hundredths: currencies of two decimals alone are known here. */
export interface MoneyRule {
  /** ISO 4217. */
  readonly currency: string;
  /** Least and most, in minor units, both inclusive. */
  readonly min: bigint;
  readonly max: bigint;
}

/**
 * What is wrong with an amount (google/type/money.proto): absent, another currency, nanos out of range or
 * against the sign of the units, a fraction of a minor unit, too little, too much. Exact for every int64.
 */
export function moneyViolations(field: string, money: Money | undefined, rule: MoneyRule): FieldViolation[] {
  if (money === undefined) return [{ field, description: 'is required' }];
  const found: FieldViolation[] = [];
  if (money.currencyCode !== rule.currency)
    found.push({ field: `${field}.currency_code`, description: `must be ${rule.currency}` });
  const nanos = nanosFault(money);
  if (nanos !== undefined) return [...found, { field: `${field}.nanos`, description: nanos }];
  const minor = toMinor(money);
  if (minor < rule.min)
    found.push({ field, description: `must be at least ${formatMinor(rule.min, rule.currency)}` });
  if (minor > rule.max)
    found.push({ field, description: `must be at most ${formatMinor(rule.max, rule.currency)}` });
  return found;
}

/** Minor units of an amount without violations. Throws a RangeError where nanos are no whole minor units. */
export function toMinor(money: Money): bigint {
  if (money.nanos % nanosPerMinor !== 0) throw new RangeError('not a whole number of minor units');
  return money.units * 100n + BigInt(money.nanos / nanosPerMinor);
}

/** The amount of so many minor units. */
export function fromMinor(minor: bigint, currency: string): Money {
  return { currencyCode: currency, units: minor / 100n, nanos: Number(minor % 100n) * nanosPerMinor };
}

/** For people: `-1.50 EUR`. */
export function formatMinor(minor: bigint, currency: string): string {
  const digits = (minor < 0n ? -minor : minor).toString().padStart(3, '0');
  return `${minor < 0n ? '-' : ''}${digits.slice(0, -2)}.${digits.slice(-2)} ${currency}`;
}

function nanosFault({ units, nanos }: Money): string | undefined {
  if (Math.abs(nanos) > maxNanos) return `must be between -${maxNanos} and ${maxNanos}`;
  if ((units > 0n && nanos < 0) || (units < 0n && nanos > 0)) return 'must have the sign of the units';
  if (nanos % nanosPerMinor !== 0) return 'must be whole cents: a multiple of 10000000';
  return undefined;
}
