import { once } from 'node:events';
import type { JsonObject, JsonValue } from '@bufbuild/protobuf';
import { Metadata, type status } from '@grpc/grpc-js';
import { http2Connect } from '@weft/chassis/client/http2-connection';
import type { Contract } from '@weft/chassis/contract';
import { createMesh } from '@weft/chassis/client/mesh';
import { parseAddressList, staticResolver } from '@weft/chassis/discovery/listed';
import { ServiceError } from '@weft/chassis/errors';
import { createLogger } from '@weft/chassis/logger';
import type { TokenVerifier } from '@weft/chassis/server/tokens';
import { createAuthority } from '@weft/chassis/testing/certificates';
import { createEdge, type Edge, type EdgeOptions } from '../edge.ts';
import type { Limits } from '../limits.ts';
import { testContract } from './schema.ts';
import { startUpstream, type Handlers, type StreamingUpstreamCall, type UpstreamCall } from './upstream.ts';

export const limits: Limits = {
  requestBytes: 64 * 1024,
  decompressedBytes: 128 * 1024,
  responseBytes: 4 * 1024 * 1024,
  urlBytes: 4096,
  headerBytes: 8 * 1024,
  jsonDepth: 100,
  jsonValues: 1_000,
  maxTimeoutMs: 30_000,
  concurrentRequests: 200,
  streamsPerConnection: 1_100,
  connections: 500,
  headersMs: 10_000,
  requestMs: 20_000,
  keepAliveMs: 60_000,
  slowClientMs: 1_000,
  heartbeatMs: 100,
};

/** A `fail_code` with which WatchBooks neither fails nor ends. */
export const quiet = 99;

/** A string of a request, '' when it is not there. */
function text(value: JsonValue | undefined): string {
  return typeof value === 'string' ? value : '';
}

export interface Library {
  readonly url: string;
  readonly port: number;
  readonly edge: Edge;
  /** Names of the calls that the upstream saw cancelled. */
  readonly cancelled: string[];
  /** Messages that WatchBooks has produced. */
  readonly produced: () => number;
  /** Calls of Hang that go on. */
  readonly hanging: () => number;
  /** Requests that UploadBooks and Chat have taken. */
  readonly taken: () => number;
  /** Resolves when the upstream sees a call cancelled. */
  readonly nextCancel: () => Promise<void>;
  stopUpstream(): void;
  stop(): Promise<void>;
}

/** Another contract, and who serves it: the workload `library`. */
export interface Fixture {
  readonly contract: Contract;
  readonly handlers: Handlers;
}

/** An edge in front of a real gRPC server of the test contract, through the real mesh over mutual TLS. */
export async function startLibrary(
  options: Partial<EdgeOptions> & { limits?: Limits } = {},
  fixture?: Fixture,
): Promise<Library> {
  const contract = fixture?.contract ?? testContract();
  const authority = await createAuthority();
  const [server, client] = await Promise.all([authority.issue('library'), authority.issue('edge')]);
  const cancelled: string[] = [];
  let produced = 0;
  let taken = 0;
  let hanging = 0;
  let stopped = false;
  let cancels = Promise.withResolvers<void>();
  const onCancel = (name: string): void => {
    cancelled.push(name);
    cancels.resolve();
    cancels = Promise.withResolvers<void>();
  };

  async function* watchBooks({ request, signal, trailers }: UpstreamCall): AsyncGenerator<JsonObject> {
    trailers.add('x-end', 'watched');
    signal.addEventListener('abort', () => onCancel('WatchBooks'));
    const count = request['endless'] === true ? Infinity : Number(request['count'] ?? 0);
    const title = 't'.repeat(Number(request['titleLength'] ?? 1));
    for (let i = 0; i < count; i++) {
      produced += 1;
      yield { id: String(i), title };
    }
    const code = Number(request['failCode'] ?? 0);
    if (code === quiet) await once(signal, 'abort');
    else if (code !== 0) throw failure(code, 'the stream broke');
  }

  async function uploadBooks({ requests, signal }: StreamingUpstreamCall): Promise<JsonObject> {
    signal.addEventListener('abort', () => onCancel('UploadBooks'));
    const titles: string[] = [];
    for await (const { book, failCode } of requests) {
      taken += 1;
      if (failCode === quiet) await once(signal, 'abort');
      else if (failCode !== undefined) throw failure(Number(failCode), 'the upload broke');
      titles.push(text((book as JsonObject | undefined)?.['title']));
    }
    return { count: titles.length, titles: titles.map((title) => title.slice(0, 100)) };
  }

  async function* chat({ requests, signal }: StreamingUpstreamCall): AsyncGenerator<JsonObject> {
    signal.addEventListener('abort', () => onCancel('Chat'));
    for await (const { text: said, replies, failCode } of requests) {
      taken += 1;
      for (let number = 0; number < Number(replies ?? 1); number++) yield { text: text(said), number };
      if (failCode === quiet) await once(signal, 'abort');
      else if (failCode !== undefined) throw failure(Number(failCode), 'the chat broke');
    }
  }

  const upstream = await startUpstream(
    contract,
    server,
    fixture?.handlers ?? {
      unary: {
        GetBook: ({ request }) => ({ id: text(request['id']), title: text(request['name']) }),
        ListBooks: ({ request }) => ({
          books: [],
          nextPageToken: JSON.stringify(request),
          titles: ['a', 'b'],
        }),
        CreateBook: ({ request }) => ({
          ...(request['book'] as JsonObject),
          labels: { requestId: text(request['requestId']) },
        }),
        UpdateBook: ({ request }) => ({
          ...(request['book'] as JsonObject),
          labels: { mask: text(request['updateMask']) || 'none' },
        }),
        Echo: ({ request }) => request,
        GetFile: ({ request }) => ({
          contentType: 'text/plain',
          data: Buffer.from(text(request['path'])).toString('base64'),
        }),
        PutFile: ({ request }) => {
          const file = request['file'] as JsonObject;
          return { path: `${text(request['path'])} ${text(file['contentType'])} ${text(file['data'])}` };
        },
        Fail: ({ request }) => {
          throw failure(
            Number(request['code']),
            text(request['message']),
            request['status'] as string | undefined,
          );
        },
        Inspect: ({ metadata, deadlineMs, sendMetadata, trailers }) => {
          trailers.add('x-end', 'done');
          trailers.add('x-end-bin', Buffer.from([3, 4, 5, 6]));
          const answer = new Metadata();
          answer.add('x-answer', 'one');
          answer.add('set-cookie', 'a=1');
          answer.add('set-cookie', 'b=2');
          answer.add('server', 'upstream');
          answer.add('access-control-allow-origin', '*');
          answer.add('x-bytes-bin', Buffer.from([1, 2]));
          sendMetadata(answer);
          const sent = Object.entries(metadata.toJSON()).map(([name, values]) => [
            name,
            values.map((v) => (Buffer.isBuffer(v) ? v.toString('hex') : v)).join('|'),
          ]);
          return {
            metadata: Object.fromEntries(sent) as JsonObject,
            deadlineSeconds: (deadlineMs - Date.now()) / 1000,
          };
        },
        Hang: async ({ signal }) => {
          hanging += 1;
          await once(signal, 'abort');
          hanging -= 1;
          onCancel('Hang');
          return {};
        },
      },
      streams: { WatchBooks: watchBooks },
      clientStreams: { UploadBooks: uploadBooks },
      bidi: { Chat: chat },
    },
  );
  const logger = createLogger({ name: 'edge', level: process.env['LOG_LEVEL'] ?? 'silent' });
  const mesh = createMesh({
    contract,
    resolver: staticResolver(parseAddressList(`library=127.0.0.1:${upstream.port}`), contract),
    connect: http2Connect({
      kind: 'mesh',
      tls: { ca: Buffer.from(client.ca), cert: Buffer.from(client.cert), key: Buffer.from(client.key) },
    }),
    logger,
  });
  const edge = createEdge({
    contract,
    mesh,
    logger,
    tokens: testTokens,
    limits,
    unknownQuery: 'refuse',
    unknownFields: 'ignore',
    emitDefaults: false,
    ...options,
  });
  const port = await edge.listen('127.0.0.1', 0);
  return {
    url: `http://127.0.0.1:${port}`,
    port,
    edge,
    cancelled,
    produced: () => produced,
    taken: () => taken,
    hanging: () => hanging,
    nextCancel: () => cancels.promise,
    stopUpstream: () => upstream.stop(),
    async stop() {
      if (stopped) return;
      stopped = true;
      await edge.drain(100);
      await mesh.close();
      upstream.stop();
    },
  };
}

/** `user` and `librarian` are tokens of a reader and of a librarian. */
const testTokens: TokenVerifier = {
  async verify(token) {
    if (token === 'user') return { id: 'u', roles: [], expiresAtMs: Infinity };
    if (token === 'librarian') return { id: 'l', roles: ['librarian'], expiresAtMs: Infinity };
    throw new ServiceError('UNAUTHENTICATED', 'TOKEN_INVALID', 'the access token is not valid');
  },
};

function failure(code: status, details: string, statusBase64?: string) {
  const metadata = new Metadata();
  if (statusBase64 !== undefined)
    metadata.set('grpc-status-details-bin', Buffer.from(statusBase64, 'base64'));
  return Object.assign(new Error(details), { code, details, metadata });
}
