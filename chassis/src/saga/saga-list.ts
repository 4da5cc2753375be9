import type { ListSagasRequest, ListSagasResponse_Entry as Entry } from '@weft/proto/weft/v1/saga_operations';
import { execute, type Executor } from '../data/statement.ts';
import { invalidArgument } from '../errors.ts';
import { decodePageToken, encodePageToken, pageSize } from '../resource/page.ts';
import { timestamp } from './header.ts';

const sagaStates = ['PENDING', 'COMMITTED', 'ABORTED'];
const stepStates = ['NEW', 'DONE', 'REFUSED', 'COMPENSATED', 'TOMBSTONE', 'COMMITTED'];
const openStates = ['PENDING', 'DONE'];

interface Row {
  readonly sagaId: Buffer;
  readonly step: string;
  readonly reason: string;
  readonly createdAt: Date;
  readonly deadline: Date;
  /** What the index is in the order of. */
  readonly orderedAt: Date;
}

/** One run through an index: the sagas of one name and state, or the steps of one state. */
interface Lane {
  readonly saga: string;
  readonly state: string;
}

/**
 * A page of a service's sagas and steps: state by state, each in the order of its index (saga_due, saga_step_due),
 * so a page costs what it shows however many there are. `names` are the sagas that the service decides.
 */
export async function listSagas(
  on: Executor,
  request: ListSagasRequest,
  names: readonly string[],
): Promise<{ entries: Entry[]; nextPageToken: string }> {
  const states = request.states.length === 0 ? openStates : request.states;
  const unknown = states.find((state) => !sagaStates.includes(state) && !stepStates.includes(state));
  if (unknown !== undefined)
    throw invalidArgument({ field: 'states', description: `${unknown} is no state of a saga or a step` });
  const ageSeconds = Number(request.olderThan?.seconds ?? 0n);
  const limit = pageSize(request.pageSize);
  const scope = [...states, String(ageSeconds)];
  const [at = '0', ...after] = decodePageToken(request.pageToken, scope)?.split(' ') ?? [];
  const lanes: Lane[] = states.flatMap((state) => [
    ...(sagaStates.includes(state) ? names.map((saga) => ({ saga, state })) : []),
    ...(stepStates.includes(state) ? [{ saga: '', state }] : []),
  ]);
  const found: { row: Row; lane: Lane; index: number }[] = [];
  for (let index = Number(at); index < lanes.length && found.length <= limit; index++) {
    const lane = lanes[index] as Lane;
    const rows = await readLane(on, lane, {
      ageSeconds,
      after: index === Number(at) ? after : [],
      limit: limit + 1 - found.length,
    });
    found.push(...rows.map((row) => ({ row, lane, index })));
  }
  const page = found.slice(0, limit);
  const last = page.at(-1);
  const more = found.length > limit && last !== undefined;
  return {
    entries: page.map(({ row, lane }) => ({
      sagaId: row.sagaId,
      saga: lane.saga,
      step: row.step.slice(1),
      state: lane.state,
      reason: row.reason,
      createTime: timestamp(row.createdAt.getTime()),
      deadline: timestamp(row.deadline.getTime()),
    })),
    nextPageToken: more ? encodePageToken(cursorOf(last.index, last.row), scope) : '',
  };
}

async function readLane(
  on: Executor,
  { saga, state }: Lane,
  page: { readonly ageSeconds: number; readonly after: readonly string[]; readonly limit: number },
): Promise<Row[]> {
  const [ms, id = '', step = ''] = page.after;
  const isSaga = saga !== '';
  const ordered = isSaga ? 'deadline_at' : 'due_at';
  const begun = isSaga ? 'created_at' : 'first_at';
  const key = Buffer.from(id, 'hex');
  const from =
    ms === undefined ? [] : [new Date(Number(ms)), new Date(Number(ms)), key, ...(isSaga ? [] : [key, step])];
  const beyond = isSaga ? 'saga_id > ?' : 'saga_id > ? OR (saga_id = ? AND step > ?)';
  const { rows } = await execute<Row>(
    on,
    `SELECT saga_id AS sagaId, ${isSaga ? "'' AS step, reason" : "step, '' AS reason"}, ${begun} AS createdAt,
      ${isSaga ? 'deadline_at' : 'expires_at'} AS deadline, ${ordered} AS orderedAt
      FROM ${isSaga ? 'saga' : 'saga_step'} WHERE ${isSaga ? 'name = ? AND ' : ''}state = ?
      ${ms === undefined ? '' : `AND ${ordered} >= ? AND (${ordered} > ? OR ${beyond})`}
      ${page.ageSeconds > 0 ? `AND ${begun} <= UTC_TIMESTAMP(3) - INTERVAL ? SECOND` : ''}
      ORDER BY ${ordered}, saga_id${isSaga ? '' : ', step'} LIMIT ${page.limit}`,
    [...(isSaga ? [saga] : []), state, ...from, ...(page.ageSeconds > 0 ? [page.ageSeconds] : [])],
  );
  return rows;
}

function cursorOf(lane: number, { orderedAt, sagaId, step }: Row): string {
  return `${lane} ${orderedAt.getTime()} ${sagaId.toString('hex')} ${step}`.trimEnd();
}
