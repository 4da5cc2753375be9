import { bytesToUuid } from '@weft/chassis/data/uuid';
import { table } from '../table.ts';
import { age, chosen, clock, json, say, short } from './output.ts';
import { durationMs, UsageError, type Values } from './options.ts';
import { Operations } from './peer.ts';
import type { SagaServices } from './services.ts';

/** `weft saga list` */
export async function list(services: SagaServices, values: Values): Promise<number> {
  const limit = Number(values.limit ?? 50);
  if (!Number.isInteger(limit) || limit < 1) throw new UsageError(`--limit is ${values.limit}, no number`);
  const olderThan = values['older-than'];
  const request = {
    states: (values.state ?? []).map((state) => state.toUpperCase()),
    olderThan:
      olderThan === undefined
        ? undefined
        : { seconds: BigInt(Math.ceil(durationMs('older-than', olderThan) / 1000)), nanos: 0 },
  };
  const all = await Promise.all(
    chosen(services, values).map(async ({ workload, peer }) => {
      const entries = [];
      let pageToken = '';
      do {
        const pageSize = Math.min(1_000, limit - entries.length);
        const page = await peer.call(Operations.listSagas, { ...request, pageSize, pageToken });
        entries.push(...page.entries);
        pageToken = page.nextPageToken;
      } while (pageToken !== '' && entries.length < limit);
      return { workload, entries, more: pageToken !== '' };
    }),
  );
  const rows = all.flatMap(({ workload, entries }) => entries.map((entry) => ({ workload, ...entry })));
  if (values.json === true) {
    say(rows.map((row) => `${json(row)}\n`).join(''));
    return 0;
  }
  if (rows.length === 0) say('none\n');
  else
    say(
      table([
        ['SAGA', 'SERVICE', 'WHAT', 'STATE', 'REASON', 'AGE', 'DEADLINE'],
        ...rows.map(({ workload, sagaId, saga, step, state, reason, createTime, deadline }) => [
          bytesToUuid(sagaId),
          workload,
          saga === '' ? short(step) : saga,
          state,
          reason,
          age(createTime),
          clock(deadline),
        ]),
      ]),
    );
  for (const { workload } of all.filter(({ more }) => more))
    process.stderr.write(`${workload} has more: --limit shows them\n`);
  return 0;
}
