import type { ListChangesRequest, ListChangesResponse } from '@weft/proto/weft/v1/saga_operations';
import { execute, type Executor } from '../data/statement.ts';
import { bytesToUuid, uuidToBytes } from '../data/uuid.ts';
import { decodePageToken, encodePageToken, pageSize } from '../resource/page.ts';
import { timestamp } from './header.ts';
import { parseTime } from './log.ts';

const settleSeconds = 5;
const scope = ['changes'];

interface Place {
  readonly at: string;
  readonly sagaId: Buffer;
  readonly seq: number;
}

/**
 * The sagas with a transition after a cursor, by the log's times. A time is the statement's and its row is seen
 * only after the commit, so what is younger than `settle` is left for later: no transaction is that long. A cursor
 * whose row is gone says so; the caller cannot know what else is.
 */
export async function listChanges(on: Executor, request: ListChangesRequest): Promise<ListChangesResponse> {
  const limit = pageSize(request.pageSize, { default: 200, max: 1000 });
  const settle = request.settle ? Number(request.settle.seconds) + request.settle.nanos / 1e9 : settleSeconds;
  const cursor = decodePageToken(request.cursor, scope);
  const after = cursor === undefined ? undefined : parse(cursor);
  const newestTime = await newest(on);
  if (after !== undefined && !(await exists(on, after)))
    return { sagaIds: [], cursor: request.cursor, more: false, lost: true, newestTime };
  const from = after?.at ?? text(request.since);
  const { rows } = await execute<Place>(
    on,
    // In the order of the index (at, and the key); by its alias it would be sorted as text, all of it for each page.
    `SELECT CAST(l.at AS CHAR) AS at, l.saga_id AS sagaId, l.seq FROM saga_log l
      WHERE at >= ? AND at <= UTC_TIMESTAMP(6) - INTERVAL ? MICROSECOND
      ${after === undefined ? '' : 'AND (at > ? OR saga_id > ? OR (saga_id = ? AND seq > ?))'}
      ORDER BY l.at, l.saga_id, l.seq LIMIT ${limit}`,
    [
      from,
      Math.round(settle * 1e6),
      ...(after === undefined ? [] : [from, after.sagaId, after.sagaId, after.seq]),
    ],
  );
  const last = rows.at(-1);
  const ids = [...new Set(rows.map((row) => bytesToUuid(row.sagaId)))];
  return {
    sagaIds: ids.map(uuidToBytes),
    cursor:
      last === undefined
        ? request.cursor
        : encodePageToken(`${last.at}|${last.sagaId.toString('hex')}|${last.seq}`, scope),
    more: rows.length === limit,
    lost: false,
    newestTime,
  };
}

async function newest(on: Executor): Promise<ListChangesResponse['newestTime']> {
  const { rows } = await execute<{ at: string | null }>(
    on,
    'SELECT CAST(MAX(at) AS CHAR) AS at FROM saga_log',
  );
  const at = rows[0]?.at;
  return at === null || at === undefined ? undefined : timestamp(parseTime(at));
}

async function exists(on: Executor, { at, sagaId, seq }: Place): Promise<boolean> {
  const sql = 'SELECT 1 FROM saga_log WHERE saga_id = ? AND seq = ? AND at = ?';
  return (await execute(on, sql, [sagaId, seq, at])).rows.length > 0;
}

function parse(cursor: string): Place {
  const [at = '', id = '', seq = ''] = cursor.split('|');
  return { at, sagaId: Buffer.from(id, 'hex'), seq: Number(seq) };
}

function text(since: ListChangesRequest['since']): string {
  if (since === undefined) return '1970-01-01';
  return new Date(Number(since.seconds) * 1000).toISOString().replace('T', ' ').replace('Z', '');
}
