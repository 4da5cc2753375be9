import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { Code, ConnectError } from '@connectrpc/connect';
import { eventually } from '@weft/chassis/testing/eventually';
import { ErrorInfo } from '@weft/proto/google/rpc/error_details';
import { Status } from '@weft/proto/google/rpc/status';
import { quiet, startLibrary, type Library } from '../testing/library.ts';
import { clientWays, libraryClient, type LibraryClient, type Way } from '../testing/rpc-clients.ts';

let library: Library;
let clients: ReturnType<typeof clientWays>;
beforeAll(async () => {
  library = await startLibrary();
  clients = clientWays(library.url);
});
afterAll(async () => {
  clients.close();
  await library.stop();
});

const all = clientWays('http://127.0.0.1:1');
const names = Object.keys(all.ways);
const uploading = names.filter((name) => all.ways[name]?.uploads);
const duplex = names.filter((name) => all.ways[name]?.duplex);
all.close();

function client(name: string): LibraryClient {
  return libraryClient(library.edge.schema.contract, (clients.ways[name] as Way).transport);
}

async function* each<T>(...items: T[]): AsyncGenerator<T> {
  yield* items;
}

async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const found: T[] = [];
  for await (const item of items) found.push(item);
  return found;
}

async function failureOf(call: Promise<unknown>): Promise<ConnectError> {
  const error: unknown = await call.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (error instanceof ConnectError) return error;
  throw new Error('the call did not fail as a call', { cause: error });
}

test.each(names)('%s: a call is answered, with any text and of any size', async (name) => {
  const title = `${'x'.repeat(3_000)} é€😀`;
  expect(await client(name).getBook({ id: 'a/b?c', name: title })).toMatchObject({ id: 'a/b?c', title });
  expect(await client(name).echo({ aString: 'y'.repeat(60_000), ints: [1, 2] })).toMatchObject({
    aString: 'y'.repeat(60_000),
    ints: [1, 2],
  });
});

test.each(names)('%s: metadata goes both ways, binary too', async (name) => {
  let headers = new Headers();
  let trailers = new Headers();
  const answer = await client(name).inspect(
    {},
    {
      headers: { 'my-name': 'a, b', 'x-data-bin': 'AQID', authorization: 'Bearer t', 'user-agent': 'me' },
      onHeader: (sent) => (headers = sent),
      onTrailer: (sent) => (trailers = sent),
    },
  );
  expect(answer['metadata']).toMatchObject({
    'my-name': 'a, b',
    'x-data-bin': '010203',
    authorization: 'Bearer t',
  });
  for (const key of Object.keys(answer['metadata'] ?? {}))
    expect(key).not.toMatch(/^(grpc-|connect-|content-|accept$|host|te$|user-agent: me)/);
  expect([headers.get('x-answer'), headers.get('x-bytes-bin')]).toEqual(['one', 'AQI']);
  expect(headers.get('server')).toBeNull();
  expect([trailers.get('x-end'), trailers.get('x-end-bin')]).toEqual(['done', 'AwQFBg']);
});

test.each(names)('%s: an error has its code, message and details in order', async (name) => {
  const details = [
    { typeUrl: 'type.googleapis.com/not.known.Type', value: Buffer.from([8, 1]) },
    {
      typeUrl: 'type.googleapis.com/google.rpc.ErrorInfo',
      value: Buffer.from(ErrorInfo.encode({ reason: 'GONE', domain: 'd', metadata: {} }).finish()),
    },
  ];
  const message = 'not here: 100% é\n"';
  const status = Status.encode({ code: 5, message, details }).finish();
  const error = await failureOf(client(name).fail({ code: 5, message, status }));
  expect([error.code, error.rawMessage]).toEqual([Code.NotFound, message]);
  expect(error.details).toMatchObject([
    { type: 'not.known.Type', value: new Uint8Array([8, 1]) },
    { type: 'google.rpc.ErrorInfo' },
  ]);
});

test.each(names)('%s: what the edge itself refuses has its code', async (name) => {
  const none = await failureOf(client(name).createBook({}));
  expect(none.code).toBe(Code.Unauthenticated);
  const unknown = await failureOf(client(name).internal({}));
  expect(unknown.code).toBe(Code.Unimplemented);
  const large = await failureOf(client(name).echo({ aString: 'x'.repeat(70_000), ints: randomInts() }));
  expect(large.code).toBe(Code.ResourceExhausted);
});

/** What gzip cannot make small. */
function randomInts(): number[] {
  return Array.from({ length: 40_000 }, (_, index) => (Math.imul(index, 2_654_435_761) ^ (index << 7)) | 0);
}

test.each(names)('%s: a deadline ends the call on both sides', async (name) => {
  const cancelled = library.cancelled.length;
  const error = await failureOf(client(name).hang({}, { timeoutMs: 100 }));
  expect(error.code).toBe(Code.DeadlineExceeded);
  await eventually(() => library.cancelled.length > cancelled);
});

test.each(names)('%s: a client that leaves cancels the call', async (name) => {
  const before = library.cancelled.length;
  const controller = new AbortController();
  const call = failureOf(client(name).hang({}, { signal: controller.signal }));
  await eventually(() => library.hanging() > 0);
  controller.abort();
  expect((await call).code).toBe(Code.Canceled);
  await eventually(() => library.cancelled.length > before);
});

test.each(names)('%s: a stream arrives message by message, with its trailers', async (name) => {
  let trailers = new Headers();
  const books = client(name).watchBooks(
    { count: 3, titleLength: 2_000 },
    { onTrailer: (sent) => (trailers = sent) },
  );
  expect((await collect(books)).map((book) => book['id'])).toEqual(['0', '1', '2']);
  expect(trailers.get('x-end')).toBe('watched');
});

test.each(names)('%s: a client that leaves a stream cancels it', async (name) => {
  const cancelled = library.cancelled.length;
  const controller = new AbortController();
  const read = async () => {
    const { signal } = controller;
    for await (const book of client(name).watchBooks({ count: 1, failCode: quiet }, { signal })) {
      expect(book['id']).toBe('0');
      controller.abort();
    }
  };
  expect((await failureOf(read())).code).toBe(Code.Canceled);
  await eventually(() => library.cancelled.length > cancelled);
});

test.each(names)('%s: a stream that breaks says how, after what came before', async (name) => {
  const seen: string[] = [];
  const read = async () => {
    for await (const book of client(name).watchBooks({ count: 2, failCode: 9 })) seen.push(book['id'] ?? '');
  };
  const error = await failureOf(read());
  expect([error.code, error.rawMessage, seen]).toEqual([
    Code.FailedPrecondition,
    'the stream broke',
    ['0', '1'],
  ]);
  const first = await failureOf(collect(client(name).watchBooks({ failCode: 9 })));
  expect(first.code).toBe(Code.FailedPrecondition);
});

test.each(uploading)('%s: a stream of requests gets one answer', async (name) => {
  const books = ['a', 'b', 'c'].map((title) => ({ book: { title } }));
  expect(await client(name).uploadBooks(each(...books))).toMatchObject({ count: 3, titles: ['a', 'b', 'c'] });
  expect(await client(name).uploadBooks(each())).toMatchObject({ count: 0 });
  const error = await failureOf(client(name).uploadBooks(each(books[0] ?? {}, { failCode: 3 })));
  expect([error.code, error.rawMessage]).toEqual([Code.InvalidArgument, 'the upload broke']);
});

test.each(duplex)('%s: both sides stream at once', async (name) => {
  const answered: string[] = [];
  let next = Promise.withResolvers<void>();
  async function* say(): AsyncGenerator<object> {
    for (const text of ['one', 'two', 'three']) {
      next = Promise.withResolvers<void>();
      yield { text, replies: 2 };
      // The next is said only when this one was answered.
      await next.promise;
    }
  }
  for await (const { text = '', number } of client(name).chat(say())) {
    answered.push(text);
    if (number === 1) next.resolve();
  }
  expect(answered).toEqual(['one', 'one', 'two', 'two', 'three', 'three']);
  const error = await failureOf(collect(client(name).chat(each({ text: 'a', replies: 1 }, { failCode: 7 }))));
  expect(error.code).toBe(Code.PermissionDenied);
});
