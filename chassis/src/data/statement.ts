import { CompiledQuery, type QueryResult } from 'kysely';

/** A Kysely or a Transaction of any schema. */
export interface Executor {
  executeQuery<Row>(query: CompiledQuery<Row>): Promise<QueryResult<Row>>;
}

/** Runs one statement written by hand, `?` for each parameter. */
export function execute<Row>(
  on: Executor,
  sql: string,
  parameters: readonly unknown[] = [],
): Promise<QueryResult<Row>> {
  return on.executeQuery(CompiledQuery.raw(sql, [...parameters]) as CompiledQuery<Row>);
}

/** `(?, ?), (?, ?)`: placeholders of `rows` rows with `columns` columns, or of one row's list when `columns` is 0. */
export function placeholders(rows: number, columns = 0): string {
  const row = columns === 0 ? '?' : `(${Array(columns).fill('?').join(', ')})`;
  return Array(rows).fill(row).join(', ');
}
