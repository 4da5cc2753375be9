import { expect, test } from '@jest/globals';
import { DescribeSagasResponse_Method as Method, SagaRecord } from '@weft/proto/weft/v1/saga_operations';
import { judge } from './judge.ts';

const id = '0198c2a5-7d4e-7b5a-8f00-000000000000';
const methods = [
  Method.fromPartial({ saga: 'buy', kind: 'START', method: 'o.O/Place', servedBy: 'office' }),
  Method.fromPartial({ saga: 'buy', kind: 'STEP', method: 's.S/Reserve', servedBy: 'store', sealed: true }),
  Method.fromPartial({ saga: 'buy', kind: 'STEP', method: 'b.B/Charge', servedBy: 'bank' }),
  Method.fromPartial({
    saga: 'undo',
    kind: 'DECIDE',
    method: 'o.O/Cancel',
    servedBy: 'office',
    must: ['b.B/Return'],
  }),
  Method.fromPartial({ saga: 'undo', kind: 'MUST', method: 'b.B/Return', servedBy: 'bank' }),
];
const logged: Record<string, string> = { PENDING: 'DONE', COMMITTED: 'COMMITTED', ABORTED: 'COMPENSATED' };
const dayMs = 86_400_000;
const money = (amount: bigint) => [{ kind: 'money', key: 'ann', amount }];
const step = (name: string, state: string) => ({
  step: name,
  state,
  loggedState: state,
  lastTime: { seconds: 9n, nanos: 0 },
});

/** A saga as its three services have it: the decision, and the states of its steps. */
function facts(state: string, reserve: string, charge: string, more: Partial<Record<string, object>> = {}) {
  const has = charge === 'DONE' || charge === 'COMMITTED';
  const office = SagaRecord.fromPartial({
    decision: { saga: 'buy', state },
    events: [{ step: 'o.O/Place', toState: logged[state] ?? '' }],
    expected: state === 'COMMITTED' ? money(5n) : [],
    ...more['office'],
  } as Parameters<typeof SagaRecord.fromPartial>[0]);
  const store = SagaRecord.fromPartial({ steps: [step('s.S/Reserve', reserve)], ...more['store'] });
  const bank = SagaRecord.fromPartial({
    steps: [step('b.B/Charge', charge)],
    effects: has ? money(5n) : [],
    ...more['bank'],
  });
  return new Map([
    ['office', office],
    ['store', store],
    ['bank', bank],
  ]);
}

const checks = (of: ReturnType<typeof facts>, nowMs = 0) => {
  const verdict = judge(id, of, methods, nowMs);
  return verdict.kind === 'in-flight' ? 'in-flight' : verdict.drifts.map(({ check }) => check);
};

test('what was decided is what every step did', () => {
  expect(checks(facts('COMMITTED', 'COMMITTED', 'DONE'))).toEqual([]);
  expect(checks(facts('COMMITTED', 'COMMITTED', 'COMMITTED'))).toEqual([]);
  expect(checks(facts('ABORTED', 'COMPENSATED', 'TOMBSTONE'))).toEqual([]);
  expect(checks(facts('ABORTED', 'REFUSED', 'TOMBSTONE'))).toEqual([]);
  // A sealed step that is only done has lost its final.
  expect(checks(facts('COMMITTED', 'DONE', 'DONE'))).toEqual(['step']);
  expect(checks(facts('COMMITTED', 'COMMITTED', 'TOMBSTONE'))).toEqual(['step', 'effect']);
  expect(checks(facts('ABORTED', 'DONE', 'COMPENSATED'))).toEqual(['step']);
  expect(checks(facts('ABORTED', 'COMPENSATED', 'DONE'))).toEqual(['step', 'effect']);
});

test('amounts are those that the arbiter expects', () => {
  expect(checks(facts('COMMITTED', 'COMMITTED', 'DONE', { bank: { effects: money(6n) } }))).toEqual([
    'effect',
  ]);
  const tombstone = { bank: { effects: money(5n) } };
  // Once as an effect that no step accounts for, once as money too much.
  expect(checks(facts('ABORTED', 'COMPENSATED', 'TOMBSTONE', tombstone))).toEqual(['effect', 'effect']);
});

test('what must follow a decision follows it, and nothing else does', () => {
  const cancelled = { office: { steps: [step('o.O/Cancel', 'COMMITTED')], expected: [] } };
  const returned = { steps: [step('b.B/Charge', 'DONE'), step('b.B/Return', 'COMMITTED')], effects: [] };
  expect(checks(facts('COMMITTED', 'COMMITTED', 'DONE', { ...cancelled, bank: returned }))).toEqual([]);
  expect(checks(facts('COMMITTED', 'COMMITTED', 'DONE', cancelled))).toEqual(['must', 'effect']);
  expect(checks(facts('COMMITTED', 'COMMITTED', 'DONE', { bank: returned }))).toEqual(['must', 'effect']);
});

test('a saga on its way is not judged; a parked message does not excuse one', () => {
  const message = (state: string) => ({ office: { messages: [{ state }] } });
  expect(checks(facts('COMMITTED', 'DONE', 'DONE', message('pending')))).toBe('in-flight');
  expect(checks(facts('COMMITTED', 'DONE', 'DONE', message('parked')))).toEqual(['step']);
  expect(checks(facts('PENDING', 'DONE', 'NEW'))).toBe('in-flight');
  expect(
    checks(
      facts('PENDING', 'DONE', 'NEW', {
        office: { decision: { saga: 'buy', state: 'PENDING', overdue: true } },
      }),
    ),
  ).toEqual(['overdue']);
});

test('steps that no arbiter knows are drift, however old; what was decided by itself has no saga', () => {
  const orphan = facts('COMMITTED', 'COMMITTED', 'DONE');
  orphan.delete('office');
  expect(checks(orphan)).toEqual(['unknown']);
  expect(checks(orphan, 700 * dayMs)).toEqual(['unknown']);
  const alone = facts('COMMITTED', '', '', {
    office: { decision: undefined, events: [], steps: [step('o.O/Cancel', 'COMMITTED')], expected: [] },
    store: { steps: [] },
    bank: { steps: [step('b.B/Return', 'COMMITTED')] },
  });
  expect(checks(alone)).toEqual([]);
});

test('what retention deletes of an old saga is not missed, also when it is cancelled then', () => {
  const decision = { saga: 'buy', state: 'COMMITTED', decideTime: { seconds: 9n, nanos: 0 } };
  const kept = {
    office: { decision, events: [] },
    store: { steps: [] },
    bank: { steps: [], effects: money(5n) },
  };
  const old = facts('COMMITTED', '', '', kept);
  expect(checks(old, 5 * dayMs)).toEqual(['log', 'step', 'step']);
  expect(checks(old, 7 * dayMs)).toEqual([]);
  const now = { firstTime: { seconds: BigInt((30 * dayMs) / 1000), nanos: 0 } };
  const must = (name: string) => ({ ...step(name, 'COMMITTED'), ...now });
  const cancel = { office: { ...kept.office, steps: [must('o.O/Cancel')], expected: [] } };
  const returned = { steps: [must('b.B/Return')], effects: [] };
  expect(checks(facts('COMMITTED', '', '', { ...kept, ...cancel, bank: returned }), 30 * dayMs)).toEqual([]);
  expect(checks(facts('COMMITTED', '', '', { ...kept, ...cancel }), 30 * dayMs)).toEqual(['must', 'effect']);
  // The record of a must is kept for ever, its log is not.
  const unlogged = { ...returned, steps: [{ ...step('b.B/Return', 'COMMITTED'), loggedState: 'NEW' }] };
  expect(checks(facts('COMMITTED', '', '', { ...kept, ...cancel, bank: unlogged }), 30 * dayMs)).toEqual([
    'log',
  ]);
  const unloggedLongAgo = {
    ...unlogged,
    steps: [{ ...unlogged.steps[0], firstTime: { seconds: 9n, nanos: 0 } }],
  };
  expect(
    checks(facts('COMMITTED', '', '', { ...kept, ...cancel, bank: unloggedLongAgo }), 30 * dayMs),
  ).toEqual([]);
});

test('a service that has forgotten a saga is found', () => {
  const restored = facts('COMMITTED', 'COMMITTED', 'DONE');
  restored.delete('bank');
  expect(checks(restored)).toEqual(['step', 'effect']);
});
