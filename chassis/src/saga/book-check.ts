import type { Drift } from '@weft/proto/weft/v1/saga_operations';
import type { Kysely } from 'kysely';
import { execute, type Executor } from '../data/statement.ts';
import { bytesToUuid } from '../data/uuid.ts';
import { decodePageToken, encodePageToken, pageSize } from '../resource/page.ts';
import type { Books } from './books.ts';
import { overdueSeconds } from './saga-records.ts';

const scope = ['books'];
const mostOverdue = 100;

/**
 * A page of what must agree within one service: first the pending sagas that nobody has aborted at their deadline,
 * `decided` being the names of those it decides, then the service's own books.
 */
export async function checkBooks<DB>(
  db: Kysely<DB>,
  books: Books<DB>,
  decided: readonly string[],
  page: { readonly pageSize: number; readonly pageToken: string },
): Promise<{ drifts: Drift[]; nextPageToken: string }> {
  const limit = pageSize(page.pageSize, { default: 200, max: 1000 });
  const after = decodePageToken(page.pageToken, scope);
  const overdue = after === undefined ? await overdueSagas(db, decided) : [];
  const { drifts, next } = (await books.check?.(db, after ?? '', limit)) ?? { drifts: [], next: '' };
  return {
    drifts: [...overdue, ...drifts],
    nextPageToken: next === '' ? '' : encodePageToken(next, scope),
  };
}

async function overdueSagas(on: Executor, names: readonly string[]): Promise<Drift[]> {
  const drifts: Drift[] = [];
  for (const name of names) {
    const { rows } = await execute<{ id: Buffer; deadline: string }>(
      on,
      `SELECT saga_id AS id, CAST(deadline_at AS CHAR) AS deadline FROM saga WHERE name = ? AND state = 'PENDING'
        AND deadline_at < UTC_TIMESTAMP(3) - INTERVAL ${overdueSeconds} SECOND LIMIT ${mostOverdue}`,
      [name],
    );
    for (const { id, deadline } of rows)
      drifts.push({
        check: 'overdue',
        key: bytesToUuid(id),
        expected: `decided at ${deadline}`,
        found: 'PENDING',
      });
  }
  return drifts;
}
