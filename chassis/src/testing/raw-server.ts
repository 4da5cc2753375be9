import { once } from 'node:events';
import * as grpc from '@grpc/grpc-js';
import { ServiceError } from '../errors.ts';
import { toStatus } from '../rpc-status.ts';
import type { TlsIdentity } from '../tls.ts';

/** A grpc-js server whose messages are bytes, for tests of what calls it. */
export interface RawServer {
  readonly port: number;
  readonly address: string;
  readonly server: grpc.Server;
  /** What it has seen. */
  readonly seen: {
    calls: number;
    produced: number;
    cancelled: number;
    metadata: grpc.Metadata;
    deadlineMs: number;
  };
  /** Breaks all connections. */
  kill(): void;
}

/** `/test.Raw/<method>`; a unary request's text says what is answered. */
export const rawPath = (method: 'unary' | 'down' | 'up' | 'both'): string => `/test.Raw/${method}`;

const bytes = (value: Buffer): Buffer => value;

/**
 * Starts it with a workload's mutual TLS, in plaintext, or as `credentials` say. `unary` answers `fail`,
 * `hang`, `slow <ms>`, `big <bytes>` or the request itself; `down` sends `<count> <bytes>` messages; `up` counts; `both` sends back.
 */
export async function startRawServer(
  tls: TlsIdentity | undefined,
  options: grpc.ServerOptions = {},
  port = 0,
  credentials = credentialsOf(tls),
): Promise<RawServer> {
  const server = new grpc.Server({
    'grpc.enable_channelz': 0,
    'grpc.max_send_message_length': -1,
    ...options,
  });
  const seen = { calls: 0, produced: 0, cancelled: 0, metadata: new grpc.Metadata(), deadlineMs: 0 };
  const begin = (
    call: grpc.ServerUnaryCall<Buffer, Buffer> | grpc.ServerReadableStream<Buffer, Buffer>,
  ): void => {
    seen.calls += 1;
    seen.metadata = call.metadata;
    seen.deadlineMs = Number(call.getDeadline());
    (call as NodeJS.EventEmitter).on('cancelled', () => (seen.cancelled += 1));
  };
  const method = (name: Parameters<typeof rawPath>[0], requestStream: boolean, responseStream: boolean) => ({
    path: rawPath(name),
    requestStream,
    responseStream,
    requestSerialize: bytes,
    requestDeserialize: bytes,
    responseSerialize: bytes,
    responseDeserialize: bytes,
  });
  server.addService(
    {
      unary: method('unary', false, false),
      down: method('down', false, true),
      up: method('up', true, false),
      both: method('both', true, true),
    },
    {
      unary(call: grpc.ServerUnaryCall<Buffer, Buffer>, answer: grpc.sendUnaryData<Buffer>) {
        begin(call);
        void answerUnary(call, answer);
      },
      down(call: grpc.ServerWritableStream<Buffer, Buffer>) {
        begin(call);
        void sendMany(call, seen);
      },
      up(call: grpc.ServerReadableStream<Buffer, Buffer>, answer: grpc.sendUnaryData<Buffer>) {
        begin(call);
        let count = 0;
        call.on('data', () => (count += 1));
        call.on('end', () => answer(null, Buffer.from(String(count))));
      },
      both(call: grpc.ServerDuplexStream<Buffer, Buffer>) {
        begin(call);
        call.sendMetadata(new grpc.Metadata());
        void sendBack(call);
      },
    },
  );
  const bound = await new Promise<number>((resolve, reject) =>
    server.bindAsync(`127.0.0.1:${port}`, credentials, (error, number) =>
      error === null ? resolve(number) : reject(error),
    ),
  );
  return { port: bound, address: `127.0.0.1:${bound}`, server, seen, kill: () => server.forceShutdown() };
}

function credentialsOf(tls: TlsIdentity | undefined): grpc.ServerCredentials {
  if (tls === undefined) return grpc.ServerCredentials.createInsecure();
  const { ca, cert, key } = tls;
  return grpc.ServerCredentials.createSsl(ca, [{ private_key: key, cert_chain: cert }], true);
}

async function answerUnary(
  call: grpc.ServerUnaryCall<Buffer, Buffer>,
  answer: grpc.sendUnaryData<Buffer>,
): Promise<void> {
  const [what, size] = call.request.toString().split(' ');
  if (what === 'hang') return;
  if (what === 'slow') await new Promise((resolve) => setTimeout(resolve, Number(size)));
  const headers = new grpc.Metadata();
  headers.set('x-header', 'h');
  headers.add('x-bytes-bin', Buffer.from([0, 255]));
  headers.add('x-bytes-bin', Buffer.from([1]));
  call.sendMetadata(headers);
  const trailers = new grpc.Metadata();
  trailers.set('x-trailer', 't');
  if (what === 'fail') {
    const details = [{ type: 'test.Detail', value: Buffer.from([1, 2, 3]) }];
    const error = new ServiceError('NOT_FOUND', 'NO_BOOK', 'kein Büch 100%', { details, retryAfterMs: 7 });
    answer(toStatus(error, 'library'));
  } else answer(null, what === 'big' ? Buffer.alloc(Number(size)) : call.request, trailers);
}

async function sendBack(call: grpc.ServerDuplexStream<Buffer, Buffer>): Promise<void> {
  const ended = once(call, 'cancelled');
  try {
    for await (const message of call)
      if (!call.write(message)) await Promise.race([once(call, 'drain'), ended]);
    call.end();
  } catch (error) {
    // A cancelled call's requests end so.
    if (!call.cancelled) throw error;
  }
}

async function sendMany(
  call: grpc.ServerWritableStream<Buffer, Buffer>,
  seen: { produced: number },
): Promise<void> {
  const [count = 0, size = 0] = call.request.toString().split(' ').map(Number);
  const ended = once(call, 'cancelled');
  for (let i = 0; i < count && !call.cancelled; i += 1) {
    seen.produced += 1;
    if (!call.write(Buffer.alloc(size, i))) await Promise.race([once(call, 'drain'), ended]);
  }
  call.end();
}
