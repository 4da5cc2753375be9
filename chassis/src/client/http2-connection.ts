import { tlsSource } from '../tls-source.ts';
import type { Attempt, Connect, Connection, StreamingAttempt } from './connection.ts';
import type { Http2Call } from './http2-call.ts';
import { dialers, type Dialer, type Http2Security } from './http2-security.ts';
import { cancelled, neverSent } from './http2-status.ts';
import { Http2StreamCall } from './http2-stream.ts';
import { Http2Transport, type TransportOptions } from './http2-transport.ts';
import { Http2Unary } from './http2-unary.ts';
import type { StreamResult, UnaryResult } from './mesh.ts';
import { renewed } from './renewed-connection.ts';

const firstBackoffMs = 100;
const longestBackoffMs = 2_000;
/** A session that lasted so long was a good one: the next is opened at once. */
const goodMs = 1_000;
/** Calls that wait for a stream, where the instance allows no more of them. */
const mostQueued = 1_000;

export interface Http2Options {
  /** The longest that connecting may take. Default: 10 000. */
  readonly connectMs?: number;
  /**
   * Nothing heard for so long: a ping. Doubles when the instance finds it too often (gRFC A8). Default: 60 000
   * in the mesh, whose servers allow that, 300 000 elsewhere, which every server of gRPC allows.
   */
  readonly keepaliveMs?: number;
  /** No answer to a ping for so long: the connection is broken off. Default: 10 000. */
  readonly keepaliveTimeoutMs?: number;
  /**
   * Requests longer than so many bytes are compressed (gzip), once the instance has said that it takes it. Costs both
   * sides about 10 µs of CPU per kB, so it is for narrow links. Default: none are; sensible from 10 000.
   */
  readonly compressAboveBytes?: number | undefined;
}

/**
 * Connections over HTTP/2 framing of our own, one session each, at a tenth of grpc-js's cost per call. For
 * upstreams of any kind, of the mesh or not. Throws where the certificates or keys of `security` cannot be read.
 */
export function http2Connect(security: Http2Security, options: Http2Options = {}): Connect {
  const { connectMs = 10_000, keepaliveTimeoutMs = 10_000, compressAboveBytes = Infinity } = options;
  const { keepaliveMs = security.kind === 'mesh' ? 60_000 : 300_000 } = options;
  const dialer = dialers(security);
  const keepalive = { timeMs: keepaliveMs, timeoutMs: keepaliveTimeoutMs };
  const transport = { connectMs, keepalive, compressAboveBytes };
  const connect: Connect = (address, workload, onChange) =>
    new Http2Connection(dialer(address, workload), transport, onChange);
  return security.kind === 'mesh' ? renewed(connect, tlsSource(security.tls)) : connect;
}

/**
 * Keeps one session up. Where the instance has as many streams as it allows, calls wait in line, since the limit
 * is the instance's own word on how much it takes at once: a further session would only go around it.
 */
class Http2Connection implements Connection {
  readonly #dialer: Dialer;
  readonly #onChange: () => void;
  readonly #queue = new Set<Http2Call>();
  readonly #leaveQueue = (call: Http2Call): void => void this.#queue.delete(call);
  #options: TransportOptions;
  #transport: Http2Transport | undefined;
  #failures = 0;
  /** Why there was no session at last, where that is known. */
  #cause: Error | undefined;
  #timer: NodeJS.Timeout | undefined;
  #closed = false;

  constructor(dialer: Dialer, options: TransportOptions, onChange: () => void) {
    this.#dialer = dialer;
    this.#options = options;
    this.#onChange = onChange;
    this.#dial();
  }

  get ready(): boolean {
    return this.#transport?.up === true && !this.#closed;
  }

  unary(attempt: Attempt): Promise<UnaryResult> {
    return new Promise((resolve, reject) => this.#start(new Http2Unary(attempt, resolve, reject)));
  }

  serverStream(attempt: Attempt): StreamResult {
    const call = new Http2StreamCall(attempt);
    this.#start(call);
    return call.result;
  }

  clientStream(attempt: StreamingAttempt): StreamResult {
    const call = new Http2StreamCall(attempt);
    this.#start(call);
    return call.result;
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
    this.#transport?.close();
  }

  #start(call: Http2Call): void {
    const transport = this.#transport;
    if (call.cancelled) call.fail(cancelled());
    else if (transport?.up !== true || this.#closed) call.fail(neverSent(this.#cause));
    else if (transport.free && this.#queue.size === 0) transport.open(call);
    else if (this.#queue.size >= mostQueued) call.fail(neverSent());
    else {
      this.#queue.add(call);
      call.onLeave = this.#leaveQueue;
    }
  }

  #dial(): void {
    const transport: Http2Transport = new Http2Transport(this.#dialer, this.#options, {
      onUp: () => {
        this.#cause = undefined;
        this.#onChange();
      },
      onFree: () => this.#drainQueue(),
      onDown: (calm, cause) => this.#onDown(transport, calm, cause),
    });
    this.#transport = transport;
  }

  #drainQueue(): void {
    for (const call of this.#queue) {
      if (this.#transport?.free !== true) return;
      this.#queue.delete(call);
      call.onLeave = undefined;
      this.#transport.open(call);
    }
  }

  /** The next session is opened at once after a good one, else after a while. */
  #onDown({ lastedMs }: Http2Transport, calm: boolean, cause: Error | undefined): void {
    this.#transport = undefined;
    this.#cause = cause;
    for (const call of this.#queue) call.fail(neverSent(cause));
    if (calm) this.#options = doubled(this.#options);
    if (lastedMs > 0) this.#onChange();
    // Also by who was just told.
    if (this.#closed) return;
    this.#failures = lastedMs >= goodMs ? 0 : this.#failures + 1;
    const backoffMs = Math.min(longestBackoffMs, firstBackoffMs * 2 ** (this.#failures - 1));
    if (this.#failures === 0) this.#dial();
    else this.#timer = setTimeout(() => this.#dial(), backoffMs * (0.5 + Math.random() / 2));
  }
}

function doubled(options: TransportOptions): TransportOptions {
  const { keepalive } = options;
  return { ...options, keepalive: { ...keepalive, timeMs: keepalive.timeMs * 2 } };
}
