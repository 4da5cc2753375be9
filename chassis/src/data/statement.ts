import { CompiledQuery, type QueryResult } from 'kysely';

/** A Kysely or a Transaction of any schema. */
export interface Executor {
  executeQuery<Row>(query: CompiledQuery<Row>): Promise<QueryResult<Row>>;
}

/** One statement written by hand, `?` for each parameter. */
export interface Statement {
  readonly sql: string;
  readonly parameters: readonly unknown[];
}

/** How a query is to be sent: several statements in one round trip, or together with COMMIT. */
export type Sending =
  | { readonly kind: 'batch'; readonly statements: readonly Statement[] }
  | {
      readonly kind: 'deferred';
      readonly statements: readonly Statement[];
      readonly rerunOnDuplicate: boolean;
    };

const sendings = new WeakMap<CompiledQuery, Sending>();

/** How `query` is to be sent; undefined for one by itself. */
export function sendingOf(query: CompiledQuery): Sending | undefined {
  return sendings.get(query);
}

/** Runs one statement. */
export function execute<Row>(
  on: Executor,
  sql: string,
  parameters: readonly unknown[] = [],
): Promise<QueryResult<Row>> {
  return on.executeQuery(CompiledQuery.raw(sql, [...parameters]) as CompiledQuery<Row>);
}

/** Runs statements one after another in one round trip; answers the last one's rows. None runs after one that fails. */
export async function executeBatch<Row>(
  on: Executor,
  statements: readonly Statement[],
): Promise<QueryResult<Row>> {
  return on.executeQuery(marked<Row>({ kind: 'batch', statements }));
}

/**
 * Puts statements off until the transaction commits, and sends them with COMMIT in one round trip: for
 * those whose result nobody needs. Rows that earlier statements have locked are held for less time so.
 * When one fails the transaction does.
 *
 * @param options `rerunOnDuplicate`: a key violated by what is put off runs the transaction again.
 */
export async function defer(
  tx: Executor,
  statements: readonly Statement[],
  { rerunOnDuplicate = false } = {},
): Promise<void> {
  await tx.executeQuery(marked({ kind: 'deferred', statements, rerunOnDuplicate }));
}

/** `(?, ?), (?, ?)`: placeholders of `rows` rows with `columns` columns, or of one row's list when `columns` is 0. */
export function placeholders(rows: number, columns = 0): string {
  const row = columns === 0 ? '?' : `(${Array(columns).fill('?').join(', ')})`;
  return Array(rows).fill(row).join(', ');
}

function marked<Row>(sending: Sending): CompiledQuery<Row> {
  const query = CompiledQuery.raw(sending.statements.map(({ sql }) => sql).join('; '));
  sendings.set(query, sending);
  return query as CompiledQuery<Row>;
}
