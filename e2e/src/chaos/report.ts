import type { ChaosResult } from './run.ts';

const mostShown = 50;

/** What a run came to, line by line. `again` is the command that repeats it. */
export function report(result: ChaosResult, again: string): string[] {
  const { inflicted, met, acknowledged, outcomes, quietAfterMs, violations, folder } = result;
  const kinds = Object.entries(Object.groupBy(inflicted, ({ fault }) => fault.kind));
  return [
    '',
    `faults          ${kinds.map(([kind, all]) => `${all.length} × ${kind}`).join(', ')}`,
    `acknowledged    ${acknowledged.orders} orders, ${acknowledged.cancellations} cancellations, ${acknowledged.topUps} top-ups`,
    `orders          ${[...outcomes].map(([outcome, count]) => `${count} ${outcome}`).join(', ')}`,
    `clients saw     ${met.unavailableSeconds} s in which nothing was answered`,
    ...[...met.answers]
      .toSorted(([a], [b]) => (a < b ? -1 : 1))
      .map(([answer, count]) => `${String(count).padStart(23)} × ${answer}`),
    `quiet           ${(quietAfterMs / 1000).toFixed(1)} s after the last fault was mended`,
    '',
    ...violations.slice(0, mostShown).map((violation) => `  ✗ ${violation}`),
    ...(violations.length > mostShown ? [`  … and ${violations.length - mostShown} more`] : []),
    violations.length === 0 ? 'verdict: every invariant holds' : `verdict: ${violations.length} violations`,
    ...(folder === undefined ? [] : [`the data and the logs: ${folder}`]),
    `again: ${again}   (the same faults at the same offsets; what they meet may differ)`,
  ];
}
