import type { Priority } from '../../call-context.ts';
import { expect, test } from '@jest/globals';

import { Baseline } from './baseline.ts';
import { Gate, type Entrant } from './gate.ts';
import { simulate } from './simulation.test.support.ts';

interface Call extends Entrant {
  ended: boolean;
  readonly name: string;
}

/** A gate with room for 10 that does not adapt, on a clock that is played. */
function playedGate(options: { maxStreams?: number } = {}) {
  let now = 0;
  const events: string[] = [];
  const turns: (() => void)[] = [];
  const timers: { at: number; work: () => void }[] = [];
  const baseline = new Baseline();
  const gate = new Gate<Call>({
    ...options,
    initial: 10,
    max: 10,
    run: ({ name }) => events.push(`run ${name}`),
    refuse: ({ name }) => events.push(`refuse ${name}`),
    late: ({ name }) => events.push(`late ${name}`),
    clock: {
      now: () => now,
      epoch: () => now,
      utilization: () => 0,
      soon: (work) => turns.push(work),
      later: (work, ms) => timers.push({ at: now + ms, work }),
    },
  });
  const arrive = (name: string, priority: Priority = 'USER', more: Partial<Call> = {}): Call => {
    const call: Call = {
      name,
      priority,
      streaming: false,
      baseline,
      deadlineMs: undefined,
      ended: false,
      failed: false,
      slotSince: undefined,
      ...more,
    };
    gate.arrive(call);
    return call;
  };
  return {
    gate,
    arrive,
    /** What happened since it was last asked. */
    events: () => events.splice(0),
    turn: () => turns.splice(0).forEach((work) => work()),
    wait: (ms: number) => {
      for (const until = now + ms; now < until;) {
        now += 1;
        for (const timer of timers.filter((one) => one.at <= now)) {
          timers.splice(timers.indexOf(timer), 1);
          timer.work();
        }
      }
    },
  };
}

test('BATCH is let in up to 70% of the limit, USER up to 90%, CRITICAL up to it and a reserve', () => {
  const { arrive, events } = playedGate();
  for (let i = 1; i <= 8; i += 1) arrive(`b${i}`, 'BATCH');
  expect(events().at(-1)).toBe('refuse b8');
  for (let i = 1; i <= 3; i += 1) arrive(`u${i}`);
  expect(events()).toEqual(['run u1', 'run u2']); // u3 waits.
  for (let i = 1; i <= 6; i += 1) arrive(`c${i}`, 'CRITICAL'); // c6 waits.
  expect(events()).toEqual(['run c1', 'run c2', 'run c3', 'run c4', 'run c5']);
});

test('a slot is free when the turn of the event loop is over, and goes to who waits', () => {
  const { gate, arrive, events, turn } = playedGate();
  const first = arrive('first');
  for (let i = 2; i <= 10; i += 1) arrive(`${i}`);
  events();
  gate.leave(first);
  expect({ inFlight: gate.inFlight, waiting: gate.waiting }).toEqual({ inFlight: 9, waiting: 1 });
  turn();
  expect(events()).toEqual(['run 10']);
  expect({ inFlight: gate.inFlight, waiting: gate.waiting }).toEqual({ inFlight: 9, waiting: 0 });
});

test('a burst waits in its order, for two fifths of the time that is left and 2 s at most', () => {
  const { gate, arrive, events, turn, wait } = playedGate();
  const running = Array.from({ length: 9 }, (_, i) => arrive(`r${i}`));
  arrive('a', 'USER', { deadlineMs: 1_000 });
  arrive('b', 'USER', { deadlineMs: 1_000 });
  arrive('hasty', 'USER', { deadlineMs: 500 });
  arrive('patient');
  events();
  wait(50);
  gate.leave(running[0] as Call);
  turn();
  expect(events()).toEqual(['run a']);
  wait(250);
  expect(events()).toEqual(['refuse hasty']);
  wait(150);
  expect(events()).toEqual(['refuse b']);
  wait(1_500);
  expect(events()).toEqual([]);
  wait(150);
  expect(events()).toEqual(['refuse patient']);
});

test('a critical call goes before those that wait', () => {
  const { gate, arrive, events, turn } = playedGate();
  const running = Array.from({ length: 14 }, (_, i) => arrive(`r${i}`, 'CRITICAL'));
  arrive('user');
  arrive('critical', 'CRITICAL');
  events();
  for (const call of running) gate.leave(call);
  turn();
  expect(events()).toEqual(['run critical', 'run user']);
});

test('the line is bounded, and BATCH has no place in it', () => {
  const { gate, arrive, events } = playedGate();
  for (let i = 1; i <= 1_010; i += 1) arrive(`u${i}`);
  expect(gate.waiting).toBe(1_000);
  expect(events().at(-1)).toBe('refuse u1010');
  arrive('batch', 'BATCH');
  expect(gate.refused).toEqual({ CRITICAL: 0, USER: 1, BATCH: 1 });
});

test('a call is dropped when its deadline has passed or its caller is gone, on arrival and after waiting', () => {
  const { gate, arrive, events, turn, wait } = playedGate();
  wait(10);
  arrive('late', 'USER', { deadlineMs: 10 });
  expect(events()).toEqual(['late late']);
  const running = Array.from({ length: 9 }, (_, i) => arrive(`r${i}`));
  arrive('hasty', 'USER', { deadlineMs: 30 });
  const gone = arrive('gone');
  arrive('patient', 'USER', { deadlineMs: 1_000 });
  events();
  wait(20);
  gone.ended = true;
  for (const call of running) gate.leave(call);
  turn();
  expect(events()).toEqual(['late hasty', 'late gone', 'run patient']);
  expect(gate.expired).toBe(3);
});

test('a stream needs a slot until it begins or a second is over, and streams have a limit of their own', () => {
  const { gate, arrive, events, turn, wait } = playedGate({ maxStreams: 20 });
  const streams = Array.from({ length: 9 }, (_, i) => arrive(`s${i}`, 'USER', { streaming: true }));
  const [first, ...others] = streams as [Call, ...Call[]];
  gate.begun(first);
  turn();
  expect({ inFlight: gate.inFlight, streams: gate.streams }).toEqual({ inFlight: 8, streams: 9 });
  wait(1_200);
  turn();
  expect({ inFlight: gate.inFlight, streams: gate.streams }).toEqual({ inFlight: 0, streams: 9 });
  for (const call of streams) gate.leave(call);
  turn();
  expect({ inFlight: gate.inFlight, streams: gate.streams }).toEqual({ inFlight: 0, streams: 0 });
  expect(others).toHaveLength(8);
  events();
  for (let i = 0; i < 19; i += 1) {
    gate.begun(arrive(`o${i}`, 'USER', { streaming: true }));
    turn();
  }
  expect(events().at(-1)).toBe('refuse o18');
  arrive('watch', 'CRITICAL', { streaming: true });
  expect(events()).toEqual(['run watch']);
});

test('users are served before batches while there is too much of both', () => {
  let state = 0;
  const capacity = { permits: 16, serviceMs: () => 20 };
  // Half of all is batch: users alone are 1.5 × what the server can do.
  const priority = (): Priority => ((state += 1) % 2 === 0 ? 'BATCH' : 'USER');
  const phase = { ms: 10_000, rate: 2_400, capacity };
  const [mixed] = simulate([phase], { priority });
  expect(mixed?.goodput).toBeGreaterThan(760);
  expect(mixed?.goodputOf.BATCH).toBeLessThan(80);
  expect(mixed?.goodputOf.USER).toBeGreaterThan(690);
});

test('bursts that exceed the limit for a moment are mostly served', () => {
  const capacity = { permits: 16, serviceMs: () => 20 };
  const [result] = simulate([{ ms: 20_000, rate: 160, burst: 150, capacity }]);
  expect(result?.refused).toBeLessThan(30); // 430 without a line.
});
