/** A column: its title, its figure of one round, and how many digits of it are shown. */
export type Column<R> = readonly [title: string, of: (round: R) => number, digits: number];

/** What is measured in rounds, and what each round has shown of it. */
export interface Row<R> {
  readonly name: string;
  readonly rounds: readonly R[];
}

/**
 * A row for each contender: the median of each figure over its rounds. The last column is its `ratio` against
 * that of `reference`, the median of the ratios within a round: a busy machine slows both.
 */
export function tableOf<R>(
  rows: readonly Row<R>[],
  columns: readonly Column<R>[],
  ratio: { readonly of: (round: R) => number; readonly reference: string },
): string {
  const others = rows.find(({ name }) => name === ratio.reference)?.rounds.map(ratio.of) ?? [];
  const ratioOf = (rounds: readonly R[]) =>
    median(rounds.map((round, index) => ratio.of(round) / (others[index] ?? NaN)));
  const width = Math.max(...rows.map(({ name }) => name.length));
  const line = (name: string, cells: readonly string[]) =>
    [name.padEnd(width), ...cells.map((cell) => cell.padStart(8))].join(' ');
  const head = line('', [...columns.map(([title]) => title), 'CPU ×']);
  const body = rows.map(({ name, rounds }) =>
    line(name, [
      ...columns.map(([, of, digits]) => median(rounds.map(of)).toFixed(digits)),
      ratioOf(rounds).toFixed(2),
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
