import {
  Channel,
  connectivityState,
  Metadata,
  status as grpcStatus,
  type ChannelCredentials,
  type StatusObject,
} from '@grpc/grpc-js';
import { isIPv4 } from 'node:net';
import { ServiceError } from '../errors.ts';
import { fromStatus } from '../rpc-status.ts';
import type { TlsSource } from '../tls-source.ts';
import type { TlsIdentity } from '../tls.ts';
import { asBuffer } from './as-buffer.ts';
import type { Attempt, AttemptBase, Connect, Connection, StreamingAttempt } from './connection.ts';
import { sendRequests } from './grpc-requests.ts';
import { GrpcStream } from './grpc-stream.ts';
import { MeshChannelCredentials } from './mesh-credentials.ts';
import { meshTls } from './mesh-tls.ts';
import type { StreamResult, UnaryResult } from './mesh.ts';
import { toGrpcMetadata } from './metadata-pairs.ts';
import { renewed } from './renewed-connection.ts';
import { connectionLost, notSent } from './retry.ts';

const maxMessageBytes = 4 * 1024 * 1024;

const channelOptions = {
  'grpc.enable_channelz': 0,
  // One channel per instance: sharing subchannels would share the identity that one of them checked.
  'grpc.use_local_subchannel_pool': 1,
  // Retries are the mesh's: grpc-js could only retry on the same instance.
  'grpc.enable_retries': 0,
  'grpc.initial_reconnect_backoff_ms': 100,
  'grpc.min_reconnect_backoff_ms': 100,
  'grpc.max_reconnect_backoff_ms': 2_000,
  // Longer than the longest call and a drain together: a ping during GOAWAY kills the call in flight.
  'grpc.keepalive_time_ms': 60_000,
  'grpc.keepalive_timeout_ms': 10_000,
  'grpc.keepalive_permit_without_calls': 1,
  'grpc.max_receive_message_length': maxMessageBytes,
  'grpc.max_send_message_length': maxMessageBytes,
};

export type GrpcCall = ReturnType<Channel['createCall']>;

/** An attempt that runs: what is needed to end it early and to tell how it failed. */
export interface Running {
  readonly call: GrpcCall;
  cancelled: boolean;
  unsent: boolean;
  ended: boolean;
  /** Takes the listeners off the attempt's signals. */
  release(): void;
}

/** Connections over grpc-js, one channel each, with mutual TLS 1.3. `trustDomain`: default `weft.local`. */
export function grpcConnect(tls: TlsIdentity | TlsSource, trustDomain = 'weft.local'): Connect {
  const mesh = meshTls(tls, trustDomain);
  const connect: Connect = (address, workload, onChange) =>
    new GrpcConnection(
      address,
      workload ?? 'mesh',
      new MeshChannelCredentials(mesh, address, workload),
      onChange,
    );
  return renewed(connect, mesh.source);
}

class GrpcConnection implements Connection {
  readonly #channel: Channel;
  readonly #onChange: () => void;
  readonly #running = new Set<Running>();
  #state: connectivityState = connectivityState.IDLE;
  #closed = false;

  constructor(
    address: string,
    serverName: string,
    channelCredentials: ChannelCredentials,
    onChange: () => void,
  ) {
    const host = address.slice(0, address.lastIndexOf(':'));
    const target = isIPv4(host) ? `ipv4:${address}` : `dns:///${address}`;
    this.#channel = new Channel(target, channelCredentials, {
      ...channelOptions,
      // An IP address may not be sent as server name (RFC 6066, section 3).
      'grpc.ssl_target_name_override': serverName,
    });
    this.#onChange = onChange;
    this.#watch();
  }

  get ready(): boolean {
    return this.#state === connectivityState.READY && !this.#closed;
  }

  unary(attempt: Attempt): Promise<UnaryResult> {
    return new Promise((resolve, reject) => {
      const running = this.start(attempt);
      const { call } = running;
      let headers = new Metadata();
      let message: Buffer | undefined;
      call.start(toGrpcMetadata(attempt.metadata), {
        onReceiveMetadata: (received) => {
          headers = received;
        },
        onReceiveMessage: (received: Buffer) => {
          message = received;
        },
        onReceiveStatus: (status) => {
          const error = this.finish(running, status);
          if (error !== undefined) reject(error);
          else if (message === undefined) reject(noMessage(attempt.path));
          else resolve({ message, headers, trailers: status.metadata });
        },
      });
      call.startRead();
      call.sendMessageWithContext({}, asBuffer(attempt.request));
      call.halfClose();
    });
  }

  serverStream(attempt: Attempt): StreamResult {
    const running = this.start(attempt);
    const stream = new GrpcStream(running, (status) => this.finish(running, status));
    running.call.start(toGrpcMetadata(attempt.metadata), stream);
    running.call.sendMessageWithContext({}, asBuffer(attempt.request));
    running.call.halfClose();
    return stream;
  }

  clientStream(attempt: StreamingAttempt): StreamResult {
    const running = this.start(attempt);
    const stream = new GrpcStream(running, (status) => this.finish(running, status));
    running.call.start(toGrpcMetadata(attempt.metadata), stream);
    void sendRequests(running, attempt.requests);
    return stream;
  }

  close(): void {
    this.#closed = true;
    if (this.#running.size === 0) this.#channel.close();
  }

  private start({ path, deadlineMs, signals }: AttemptBase): Running {
    const call = this.#channel.createCall(path, deadlineMs, null, null, undefined);
    const cancel = (): void => {
      running.cancelled = true;
      call.cancelWithStatus(grpcStatus.CANCELLED, 'the call was cancelled');
    };
    const running: Running = {
      call,
      cancelled: false,
      unsent: false,
      ended: false,
      release: () => signals.forEach((signal) => signal.removeEventListener('abort', cancel)),
    };
    for (const signal of signals) signal.addEventListener('abort', cancel);
    this.#running.add(running);
    return running;
  }

  /** The error of an attempt that is through, undefined if it went well. */
  private finish(running: Running, status: StatusObject): ServiceError | undefined {
    running.release();
    running.ended = true;
    this.#running.delete(running);
    if (this.#closed && this.#running.size === 0) this.#channel.close();
    if (status.code === grpcStatus.OK) return undefined;
    if (
      running.unsent ||
      (status.code === grpcStatus.UNAVAILABLE && (this.#unsent(running) || refused(status)))
    )
      return new ServiceError('UNAVAILABLE', notSent, 'the instance cannot be reached');
    const error = fromStatus(status, codeOf(status));
    // grpc-js's own text names the instance's address.
    if (error.domain === undefined && status.code === grpcStatus.DEADLINE_EXCEEDED)
      return new ServiceError('DEADLINE_EXCEEDED', 'DEADLINE_EXCEEDED', 'the deadline passed', {
        cause: error,
      });
    const broken = error.domain === undefined && !running.cancelled && isTransport(status);
    return broken
      ? new ServiceError('UNAVAILABLE', connectionLost, 'the connection to the instance broke', {
          cause: error,
        })
      : error;
  }

  /** Before grpc-js has put a call on a connection, its peer reads as the channel's own target. */
  #unsent({ call }: Running): boolean {
    return call.getPeer() === this.#channel.getTarget();
  }

  /** Follows the channel's state, and connects again whenever it is idle. */
  #watch(): void {
    if (this.#closed) return;
    const before = this.#state;
    this.#state = this.#channel.getConnectivityState(true);
    if (before === connectivityState.READY && this.#state !== before) this.#releaseUnsent();
    if (before !== this.#state) this.#onChange();
    this.#channel.watchConnectivityState(this.#state, Infinity, () => this.#watch());
  }

  /** Calls that wait for this connection to come back may go to another instance at once. */
  #releaseUnsent(): void {
    for (const running of this.#running) {
      if (!this.#unsent(running)) continue;
      running.unsent = true;
      running.call.cancelWithStatus(grpcStatus.UNAVAILABLE, 'the connection is gone');
    }
  }
}

/** Statuses that grpc-js makes up when a connection breaks, or the server drops the stream. */
function isTransport({ code, details }: StatusObject): boolean {
  return (
    code === grpcStatus.UNAVAILABLE ||
    code === grpcStatus.CANCELLED ||
    (code === grpcStatus.INTERNAL && details.startsWith('Received RST_STREAM'))
  );
}

/** The instance did not look at it: it shuts down, or has too many (RFC 9113, section 8.7). */
function refused({ details }: StatusObject): boolean {
  return details === 'Stream refused by server';
}

function codeOf({ code }: StatusObject): string {
  return grpcStatus[code] ?? 'UNKNOWN';
}

function noMessage(path: string): ServiceError {
  return new ServiceError('INTERNAL', 'NO_MESSAGE', `${path} answered OK without a message`);
}
