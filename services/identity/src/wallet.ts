import type { FieldViolation } from '@weft/chassis/errors';
import { moneyViolations } from '@weft/chassis/resource/money';
import type { Money } from '@weft/proto/google/type/money';

/** The shop's one currency. */
export const currency = 'EUR';

/** 10,000.00 at once. */
const maxTopUpMinor = 1_000_000n;

/**
 * A thousand million euro in a wallet. What is charged and given back later comes on top, so the limit is
 * far enough below an int64 of cents that no refund can fail.
 */
export const maxBalanceMinor = 100_000_000_000n;

/** What is wrong with the amount of a top-up. */
export function topUpViolations(amount: Money | undefined): FieldViolation[] {
  return moneyViolations('amount', amount, { currency, min: 1n, max: maxTopUpMinor });
}

/** What is wrong with the amount that a catalog asks for. */
export function chargeViolations(amount: Money | undefined): FieldViolation[] {
  return moneyViolations('amount', amount, { currency, min: 1n, max: 2n ** 63n - 1n });
}
