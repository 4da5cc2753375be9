import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { createGrpcTransport } from '@connectrpc/connect-node';
import { eventually } from '@weft/chassis/testing/eventually';
import { openHttp2 } from '../testing/http2.ts';
import { limits, quiet, startLibrary, type Library } from '../testing/library.ts';
import { libraryClient } from '../testing/rpc-clients.ts';
import { envelope } from './envelope.ts';

let library: Library;
beforeAll(async () => {
  library = await startLibrary({ limits: { ...limits, concurrentRequests: 1_500, slowClientMs: 20_000 } });
});
afterAll(() => library.stop());

test('a thousand streams at once on one connection each get theirs, and are cancelled one by one', async () => {
  const client = libraryClient(library.edge.schema.contract, createGrpcTransport({ baseUrl: library.url }));
  const before = library.cancelled.length;
  const controllers: AbortController[] = [];
  let open = 0;
  const watch = async (): Promise<string> => {
    const controller = new AbortController();
    controllers.push(controller);
    const { signal } = controller;
    try {
      for await (const book of client.watchBooks({ count: 1, failCode: quiet }, { signal })) {
        expect(book['id']).toBe('0');
        open += 1;
      }
      return 'ended';
    } catch {
      return 'cancelled';
    }
  };
  const streams = Array.from({ length: 1_000 }, watch);
  await eventually(() => open === 1_000);
  for (const controller of controllers) controller.abort();
  expect(new Set(await Promise.all(streams))).toEqual(new Set(['cancelled']));
  await eventually(() => library.cancelled.length - before === 1_000);
});

test('readers that stop reading hold their upstreams back: memory stays flat', async () => {
  const request = Buffer.from(JSON.stringify({ endless: true, titleLength: 100_000 }));
  const session = openHttp2(library.url);
  const before = library.produced();
  const streams = Array.from({ length: 20 }, () => {
    const stream = session.request({
      ':method': 'POST',
      ':path': '/acme.v1.Library/WatchBooks',
      'content-type': 'application/grpc+json',
    });
    stream.on('error', () => undefined).pause();
    return stream.end(envelope(0, request));
  });
  let last = -1;
  let unchanged = 0;
  // Until nothing is produced any more.
  await eventually(() => {
    const produced = library.produced() - before;
    unchanged = produced === last && produced > streams.length ? unchanged + 1 : 0;
    last = produced;
    return unchanged === 10;
  });
  // 100 kB each: windows and buffers of the two hops hold a few of each stream, and that is all.
  expect(last / streams.length).toBeLessThan(30);
  const cancelled = library.cancelled.length;
  session.destroy();
  await eventually(() => library.cancelled.length - cancelled === streams.length);
});
