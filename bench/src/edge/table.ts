/** What one round has shown of a contender. */
export interface Round {
  /** Of its process, user and kernel mode, a request. */
  readonly cpuUs: number;
  readonly perSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly residentMb: number;
}

const columns = [
  ['CPU µs', (round: Round) => round.cpuUs, 1],
  ['req/s', (round: Round) => round.perSecond, 0],
  ['p50 ms', (round: Round) => round.p50Ms, 2],
  ['p99 ms', (round: Round) => round.p99Ms, 2],
  ['RSS MB', (round: Round) => round.residentMb, 0],
] as const;

/**
 * A row for each contender: the median of each figure over its rounds. The last column is its CPU time
 * against that of `reference`, the median of the ratios within a round: a busy machine slows both.
 */
export function tableOf(
  rows: readonly { readonly name: string; readonly rounds: readonly Round[] }[],
  reference: string,
): string {
  const others = rows.find(({ name }) => name === reference)?.rounds ?? [];
  const ratio = (rounds: readonly Round[]) =>
    median(rounds.map((round, index) => round.cpuUs / (others[index]?.cpuUs ?? NaN)));
  const width = Math.max(...rows.map(({ name }) => name.length));
  const line = (name: string, cells: readonly string[]) =>
    [name.padEnd(width), ...cells.map((cell) => cell.padStart(8))].join(' ');
  const head = line('', [...columns.map(([title]) => title), 'CPU ×']);
  const body = rows.map(({ name, rounds }) =>
    line(name, [
      ...columns.map(([, of, digits]) => median(rounds.map(of)).toFixed(digits)),
      ratio(rounds).toFixed(2),
    ]),
  );
  return [head, ...body].join('\n');
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  const [low = NaN, high = NaN] = [sorted[sorted.length % 2 === 1 ? middle : middle - 1], sorted[middle]];
  return (low + high) / 2;
}
