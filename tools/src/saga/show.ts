import { bytesToUuid } from '@weft/chassis/data/uuid';
import { millis } from '@weft/chassis/saga/record-drift';
import type { SagaRecord } from '@weft/proto/weft/v1/saga_operations';
import { table } from '../table.ts';
import { messageTable } from './message-table.ts';
import { chosen, clock, idBytes, json, say, short } from './output.ts';
import { judge } from './judge.ts';
import type { Values } from './options.ts';
import { Operations } from './peer.ts';
import type { SagaServices } from './services.ts';

/** `weft saga show <saga>`: exits 1 when no service knows it. */
export async function show(
  services: SagaServices,
  values: Values,
  argument: string | undefined,
): Promise<number> {
  const id = idBytes('saga', argument);
  const facts = new Map<string, SagaRecord>();
  for (const { workload, peer } of chosen(services, values)) {
    const [record] = (await peer.call(Operations.batchGetSagas, { sagaIds: [id] })).sagas;
    if (record !== undefined) facts.set(workload, record);
  }
  if (facts.size === 0) throw new Error(`no service knows a saga ${bytesToUuid(id)}`);
  if (values.json === true) {
    say(`${json(Object.fromEntries(facts))}\n`);
    return 0;
  }
  const records = [...facts];
  for (const [workload, { decision }] of records)
    if (decision !== undefined)
      say(
        `${decision.saga} ${bytesToUuid(id)} of user ${decision.userId}: ${decision.state} ${decision.reason}`.trimEnd() +
          `, decided by ${workload}\n  begun ${clock(decision.createTime)}, deadline ${clock(decision.deadline)}` +
          `, decided ${clock(decision.decideTime) || 'not yet'}\n`,
      );
  const steps = records.flatMap(([workload, record]) => record.steps.map((step) => ({ workload, ...step })));
  if (steps.length > 0)
    say(
      `\n${table([
        ['STEP', 'SERVICE', 'STATE', 'SEEN', 'ASKED', 'FROM', 'FIRST', 'LAST'],
        ...steps.map(({ workload, step, state, seen, asked, caller, firstTime, lastTime }) => [
          short(step),
          workload,
          state,
          String(seen),
          String(asked),
          caller,
          clock(firstTime),
          clock(lastTime),
        ]),
      ])}`,
    );
  const messages = records.flatMap(([workload, record]) =>
    record.messages.map((each) => ({ workload, ...each })),
  );
  if (messages.length > 0) say(`\n${messageTable(messages)}`);
  const effects = records.flatMap(([workload, record]) => [
    ...record.effects.map((each) => [workload, 'has done', `${each.amount} ${each.kind}`, each.key]),
    ...record.expected.map((each) => [workload, 'expects', `${each.amount} ${each.kind}`, each.key]),
  ]);
  if (effects.length > 0) say(`\n${table([['SERVICE', 'EFFECT', 'AMOUNT', 'OF'], ...effects])}`);
  const events = records
    .flatMap(([, record]) => record.events)
    .toSorted((a, b) => millis(a.time) - millis(b.time));
  if (events.length > 0)
    say(
      `\n${table([
        ['TIME', 'SERVICE', 'STEP', 'FROM', 'TO', 'REASON', 'CALLER', 'TRACE'],
        ...events.map((event) => [
          new Date(millis(event.time)).toISOString().slice(11, 23),
          event.service,
          short(event.step),
          event.fromState,
          event.toState,
          event.reason,
          event.peer,
          event.traceId,
        ]),
      ])}`,
    );
  const { methods = [] } = services.all[0] ?? {};
  const verdict = judge(bytesToUuid(id), facts, methods, Date.now());
  const whole = values.service === undefined;
  for (const [workload, { brokenAt }] of records)
    say(
      brokenAt === 0
        ? `\n${workload}: the log's chain of hashes holds`
        : `\n${workload}: row ${brokenAt} of the log was changed or taken out`,
    );
  if (whole && verdict.kind === 'in-flight') say('\nnot at its end yet');
  if (whole && verdict.kind === 'judged')
    say(
      verdict.drifts.length === 0
        ? '\nthe services agree'
        : verdict.drifts
            .map(({ expected, found }) => `\ndrift: expected ${expected}, found ${found}`)
            .join(''),
    );
  say('\n');
  return 0;
}
