import type { Failpoint } from './failpoints.ts';
import { methods } from './toy-contract.test.support.ts';

/** What a victim does: an order; one that nobody can pay; one found by the poll; and so on. */
export type Deed =
  | 'order'
  | 'claim'
  | 'refuse'
  | 'fail'
  | 'cancel'
  | 'expire'
  | 'give back'
  | 'ask'
  | 'forget';

/** A process that does something dies somewhere. */
export interface CrashRow {
  readonly deed: Deed;
  readonly point: Failpoint;
  /** The method, `abort` or `sweep`. */
  readonly about?: string;
  /** Of the short form too. */
  readonly short: boolean;
}

const { order, reserve, charge, confirm, fail, release, refund, commit, cancel, restock, repay, outcome } =
  methods;

const commits: readonly Failpoint[] = ['commit.before', 'commit.after'];
const sends: readonly Failpoint[] = ['dispatch.before', 'send.before', 'send.after'];

function rows(
  deed: Deed,
  points: readonly Failpoint[],
  about: readonly (string | { readonly path: string })[] = [''],
  short: readonly Failpoint[] = [],
): CrashRow[] {
  return about.flatMap((what, i) =>
    points.map((point) => ({
      deed,
      point,
      ...(what === '' ? {} : { about: typeof what === 'string' ? what : what.path }),
      short: i === 0 && short.includes(point),
    })),
  );
}

/** Every point, for every message of every flow. */
export const crashRows: readonly CrashRow[] = [
  ...rows('order', ['commit.before'], [order]),
  ...rows('order', commits, [charge, reserve, confirm, commit], commits),
  ...rows('order', sends, [charge, reserve, confirm, commit], sends),
  ...rows('order', ['ack.before', 'ack.after'], [''], ['ack.before', 'ack.after']),
  ...rows('claim', ['claim.before', 'claim.after'], [''], ['claim.after']),
  ...rows('fail', ['failure.before', 'failure.after'], [charge]),
  ...rows('refuse', commits, [fail, release, refund, charge]),
  ...rows('refuse', sends, [fail, release, refund]),
  ...rows('cancel', ['commit.before'], ['abort']),
  ...rows('cancel', sends, [release], ['dispatch.before']),
  ...rows('expire', commits, ['sweep'], ['commit.before']),
  ...rows('give back', ['commit.before'], [cancel]),
  ...rows('give back', commits, [restock, repay], ['commit.before']),
  ...rows('give back', sends, [restock, repay]),
  ...rows('ask', ['ask.before', 'ask.after'], [''], ['ask.after']),
  ...rows('ask', commits, [outcome]),
  ...rows('forget', ['retention.before', 'retention.after']),
];
