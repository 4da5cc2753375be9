import { afterEach, test, expect } from '@jest/globals';
import { createOrderFeed, type OrderFeed } from './order-feed.ts';

const never = new AbortController().signal;
let feed: OrderFeed;
const versions = new Map<string, number>();
let queries = 0;
let failing: Error | undefined;

const start = (limit = 10) => {
  versions.clear();
  queries = 0;
  failing = undefined;
  feed = createOrderFeed({
    pollMs: 5,
    limit,
    versionsOf: async (ids) => {
      queries++;
      if (failing !== undefined) throw failing;
      return new Map([...versions].filter(([id]) => ids.includes(id)));
    },
  });
};

afterEach(() => feed.stop());

test('a change made here is told at once, also to who was not waiting yet', async () => {
  start();
  const watch = feed.watch('a');
  const waiting = watch.change(1, never);
  feed.changed('b');
  feed.changed('a');
  await waiting;
  feed.changed('a');
  await watch.change(1, never);
  watch.close();
});

test('a change made elsewhere is found by one query for all orders', async () => {
  start();
  const watches = ['a', 'b'].map((id) => feed.watch(id));
  const changes = watches.map((watch) => watch.change(1, never));
  versions.set('a', 2).set('b', 2);
  await Promise.all(changes);
  expect(queries).toBe(1);
  for (const watch of watches) watch.close();
});

test('nothing is queried while nobody watches', async () => {
  start();
  const watch = feed.watch('a');
  versions.set('a', 2);
  await watch.change(1, never);
  watch.close();
  const before = queries;
  await new Promise((resolve) => setTimeout(resolve, 30));
  expect(queries).toBe(before);
});

test('a wait ends when its caller goes away, and fails with what the database fails with', async () => {
  start();
  const watch = feed.watch('a');
  const leaving = new AbortController();
  const waiting = watch.change(1, leaving.signal);
  leaving.abort();
  await waiting;
  failing = new Error('away');
  await expect(watch.change(1, never)).rejects.toThrow('away');
  watch.close();
});

test('there are only so many watchers, and a stop ends them all', async () => {
  start(2);
  const watches = [feed.watch('a'), feed.watch('a')];
  expect(() => feed.watch('b')).toThrow(expect.objectContaining({ code: 'RESOURCE_EXHAUSTED' }));
  const waits = watches.map((watch) => watch.change(1, never));
  await feed.stop();
  for (const wait of waits)
    await expect(wait).rejects.toThrow(expect.objectContaining({ code: 'UNAVAILABLE' }));
});
