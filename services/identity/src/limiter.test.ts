import { test, expect } from '@jest/globals';
import { createLimiter } from './limiter.ts';

/** Work that runs until it is told to end. */
function held() {
  const gate = Promise.withResolvers<void>();
  const state = { started: false };
  const work = async () => {
    state.started = true;
    await gate.promise;
  };
  return { state, work, end: gate.resolve };
}

const turn = () => new Promise((resolve) => setImmediate(resolve));

test('so much runs at once, the rest in the order it came', async () => {
  const limiter = createLimiter({ concurrency: 2, queueLimit: 10 });
  const works = Array.from({ length: 4 }, held);
  const runs = works.map(({ work }) => limiter.run(work));
  const started = () => works.map((w) => w.state.started);
  await turn();
  expect(started()).toEqual([true, true, false, false]);
  works[1]?.end();
  await turn();
  expect(started()).toEqual([true, true, true, false]);
  for (const { end } of works) end();
  await Promise.all(runs);
});

test('what is too much to wait is refused at once, and the place is free again later', async () => {
  const limiter = createLimiter({ concurrency: 1, queueLimit: 1 });
  const [first, second] = [held(), held()];
  const runs = [limiter.run(first.work), limiter.run(second.work)];
  await expect(limiter.run(async () => {})).rejects.toThrow(
    expect.objectContaining({ code: 'RESOURCE_EXHAUSTED', reason: 'BUSY' }),
  );
  first.end();
  second.end();
  await Promise.all(runs);
  await expect(limiter.run(async () => 'ran')).resolves.toBe('ran');
});

test('who goes away while waiting costs nothing, and work that fails gives its place back', async () => {
  const limiter = createLimiter({ concurrency: 1, queueLimit: 2 });
  const first = held();
  const running = limiter.run(first.work);
  const leaving = new AbortController();
  const gone = held();
  const waiting = limiter.run(gone.work, leaving.signal);
  const failing = limiter.run(() => Promise.reject(new Error('no')));
  leaving.abort();
  await expect(waiting).rejects.toThrow(expect.objectContaining({ code: 'CANCELLED' }));
  first.end();
  await running;
  await expect(failing).rejects.toThrow('no');
  await expect(limiter.run(async () => 'ran')).resolves.toBe('ran');
  expect(gone.state.started).toBe(false);
});
