import { expect, test } from '@jest/globals';
import { ServiceError } from '../errors.ts';
import { collect } from '../testing/collect.ts';
import { echoContract } from '../testing/echo.ts';
import { playMesh, type Behaviour } from '../testing/played-mesh.ts';
import { notSent } from './retry.ts';

const contract = echoContract('test.Echo', {
  down: { idempotent: true, responseStream: true },
  both: { idempotent: true, requestStream: true, responseStream: true },
});
const down = '/test.Echo/down';
const both = '/test.Echo/both';
const one = new Uint8Array([1]);
const unavailable = () => new ServiceError('UNAVAILABLE', 'TEST', 'played');

/** An instance that answers each request with the same. */
const mirror: Behaviour = {
  async *clientStream({ requests }) {
    for (;;) {
      const { done, value } = await requests.next();
      if (done === true) return;
      yield value;
    }
  },
};
const refuses: Behaviour = {
  // oxlint-disable-next-line require-yield
  async *clientStream() {
    throw new ServiceError('UNAVAILABLE', notSent, 'played');
  },
};

async function* numbers(count: number): AsyncGenerator<Uint8Array> {
  for (let i = 0; i < count; i += 1) yield new Uint8Array([i]);
}

test('a stream that fails before it began begins on another instance, after that its reader hears', async () => {
  const early: Behaviour = {
    // oxlint-disable-next-line require-yield
    async *serverStream() {
      throw unavailable();
    },
  };
  const good: Behaviour = {
    async *serverStream() {
      yield one;
    },
  };
  const late: Behaviour = {
    async *serverStream() {
      yield one;
      throw unavailable();
    },
  };
  const retried = playMesh(contract, { 'a:1': early, 'b:1': good });
  for (let i = 0; i < 20; i += 1)
    expect(await collect(retried.mesh.serverStream(down, one).messages)).toEqual([one]);
  expect(retried.calls).toContain('a:1');
  const broken = playMesh(contract, { 'a:1': late });
  await expect(collect(broken.mesh.serverStream(down, one).messages)).rejects.toThrow('played');
  expect(broken.calls).toHaveLength(1);
});

test('requests are streamed, and a call of which none was pulled moves to another instance', async () => {
  const { mesh, calls } = playMesh(contract, { 'a:1': refuses, 'b:1': mirror });
  for (let i = 0; i < 20; i += 1) {
    const { messages } = mesh.clientStream(both, numbers(3));
    expect(await collect(messages)).toEqual([0, 1, 2].map((n) => new Uint8Array([n])));
  }
  expect(calls).toContain('a:1');
});

test('once a request was pulled, no other attempt is made, whatever the contract allows', async () => {
  for (const error of [unavailable(), new ServiceError('UNAVAILABLE', notSent, 'played')]) {
    const pulls: Behaviour = {
      // oxlint-disable-next-line require-yield
      async *clientStream({ requests }) {
        await requests.next();
        throw error;
      },
    };
    const { mesh, calls } = playMesh(contract, { 'a:1': pulls, 'b:1': pulls });
    await expect(collect(mesh.clientStream(both, numbers(3)).messages)).rejects.toBe(error);
    expect(calls).toHaveLength(1);
  }
});

test('what the requests throw is what the reader hears, and they are left when the call ends first', async () => {
  const { mesh } = playMesh(contract, {
    'a:1': {
      async *clientStream({ requests }) {
        try {
          for (;;) yield (await requests.next()).value ?? one;
        } catch {
          throw new ServiceError('CANCELLED', 'CANCELLED', 'the requests broke off');
        }
      },
    },
  });
  const failure = new Error('the body was cut');
  async function* failing(): AsyncGenerator<Uint8Array> {
    yield one;
    throw failure;
  }
  const { messages, trailers } = mesh.clientStream(both, failing());
  await expect(collect(messages)).rejects.toBe(failure);
  await expect(trailers).rejects.toBe(failure);

  const left = Promise.withResolvers<void>();
  async function* endless(): AsyncGenerator<Uint8Array> {
    try {
      for (;;) yield one;
    } finally {
      left.resolve();
    }
  }
  for await (const message of mesh.clientStream(both, endless()).messages) {
    expect(message).toEqual(one);
    break;
  }
  await left.promise;
});
