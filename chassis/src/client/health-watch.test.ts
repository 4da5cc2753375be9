import { setTimeout as delay } from 'node:timers/promises';
import { expect, jest, test } from '@jest/globals';
import { Metadata } from '@grpc/grpc-js';
import {
  HealthCheckResponse,
  HealthCheckResponse_ServingStatus as Status,
} from '@weft/proto/health/v1/health';
import { ServiceError, type CodeName } from '../errors.ts';
import type { Attempt, Connection } from './connection.ts';
import { HealthWatch } from './health-watch.ts';

type Word = keyof typeof Status | CodeName | 'END';

/** A connection whose watches of health are played word by word. */
class PlayedConnection implements Connection {
  ready = true;
  readonly watches: { signal: AbortSignal; say: (word: Word) => Promise<void> }[] = [];

  serverStream({ signals }: Attempt) {
    const words: Word[] = [];
    let heard = Promise.withResolvers<void>();
    const [signal = new AbortController().signal] = signals;
    signal.addEventListener('abort', () => heard.resolve());
    this.watches.push({
      signal,
      say: async (word) => {
        words.push(word);
        heard.resolve();
        heard = Promise.withResolvers();
        await turn();
      },
    });
    async function* messages(): AsyncGenerator<Uint8Array> {
      for (;;) {
        if (signal.aborted) throw new ServiceError('CANCELLED', 'CANCELLED', 'played');
        const word = words.shift();
        if (word === undefined) await heard.promise;
        else if (word === 'END') return;
        else if (word in Status) yield encoded(word as keyof typeof Status);
        else throw new ServiceError(word as CodeName, 'TEST', 'played');
      }
    }
    const none = Promise.resolve(new Metadata());
    return { headers: none, trailers: none, messages: messages() };
  }

  unary = () => Promise.reject(new Error('not played'));
  clientStream = () => {
    throw new Error('not played');
  };
  close = () => undefined;
}

const encoded = (word: keyof typeof Status) => HealthCheckResponse.encode({ status: Status[word] }).finish();
/** Until what has been said is heard. */
const turn = () => new Promise<void>((resolve) => setImmediate(resolve));

function watched() {
  const connection = new PlayedConnection();
  const told: boolean[] = [];
  const watch = new HealthWatch(connection, (serving) => told.push(serving));
  watch.refresh();
  const say = (word: Word) => connection.watches.at(-1)?.say(word);
  return { connection, told, watch, say };
}

test('only NOT_SERVING speaks against an instance', async () => {
  const { told, watch, say } = watched();
  for (const word of [
    'SERVING',
    'SERVICE_UNKNOWN',
    'UNKNOWN',
    'NOT_SERVING',
    'NOT_SERVING',
    'SERVING',
  ] as const)
    await say(word);
  expect(told).toEqual([false, true]);
  watch.close();
});

test('who keeps no health is called as ever, and not asked again on this connection', async () => {
  jest.useFakeTimers({ doNotFake: ['setImmediate'] });
  try {
    for (const word of ['UNIMPLEMENTED', 'PERMISSION_DENIED', 'UNAUTHENTICATED', 'NOT_FOUND'] as const) {
      const { connection, told, watch, say } = watched();
      await say(word);
      await jest.advanceTimersByTimeAsync(3_600_000);
      expect([connection.watches.length, told]).toEqual([1, []]);
      watch.refresh();
      expect(connection.watches).toHaveLength(2);
      watch.close();
    }
  } finally {
    jest.useRealTimers();
  }
});

test('a stream that breaks is opened again: soon where it was answered, else ever more seldom', async () => {
  jest.useFakeTimers({ doNotFake: ['setImmediate'] });
  try {
    const { connection, told, watch, say } = watched();
    await say('NOT_SERVING');
    await say('END');
    expect(told).toEqual([false]);
    await jest.advanceTimersByTimeAsync(1_000);
    expect(connection.watches).toHaveLength(2);
    // Without a word it says nothing against the instance any more.
    await say('UNAVAILABLE');
    expect(told).toEqual([false, true]);
    for (let minute = 0; minute < 60; minute += 1) {
      await jest.advanceTimersByTimeAsync(60_000);
      await say('UNAVAILABLE');
    }
    expect(connection.watches.length).toBeGreaterThan(20);
    expect(connection.watches.length).toBeLessThan(70);
    watch.close();
  } finally {
    jest.useRealTimers();
  }
});

test('it follows the connection: the stream on the one before ends, and what it said is forgotten', async () => {
  const { connection, told, watch, say } = watched();
  await say('NOT_SERVING');
  watch.refresh();
  expect(connection.watches.map(({ signal }) => signal.aborted)).toEqual([true, false]);
  connection.ready = false;
  watch.refresh();
  expect(connection.watches.map(({ signal }) => signal.aborted)).toEqual([true, true]);
  expect(told).toEqual([false, true]);
  connection.ready = true;
  watch.refresh();
  watch.close();
  expect(connection.watches.map(({ signal }) => signal.aborted)).toEqual([true, true, true]);
  await delay(10);
  expect(told).toEqual([false, true]);
});
