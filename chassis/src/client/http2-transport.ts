import { TLSSocket } from 'node:tls';
import { errorCodes } from '../http2/frames.ts';
import type { Headers } from '../http2/header-block.ts';
import { ClientSession } from '../http2/session.ts';
import type { Carrier, Http2Call } from './http2-call.ts';
import { encodedHeaders } from './http2-headers.ts';
import { Keepalive, type KeepaliveTimes } from './http2-keepalive.ts';
import type { Dialer } from './http2-security.ts';

/**
 * What a slow reader keeps in memory of a stream, beside what is read ahead for it: twice HTTP/2's default, as it
 * also bounds a stream's rate (at 1 ms to the instance and back, 128 MB/s).
 */
const streamWindowBytes = 128 * 1024;
/** Of all streams together: it is given back as bytes arrive, so that no stream can hold up others. */
const sessionWindowBytes = 8 * 1024 * 1024;

export interface TransportOptions {
  /** Requests above this size are compressed, once the instance has said that it takes it. */
  readonly compressAboveBytes: number;
  /** The longest that connecting may take, with TLS and the instance's settings. Milliseconds. */
  readonly connectMs: number;
  readonly keepalive: KeepaliveTimes;
}

/** What happens to a transport. */
export interface TransportEvents {
  /** The instance is there and speaks HTTP/2: calls may be opened. */
  readonly onUp: () => void;
  /** A stream has become free, or more of them are allowed. */
  readonly onFree: () => void;
  /**
   * No new calls from now on. Once; those in flight may go on. `calm`: it was pinged too often. `cause`: what was
   * wrong with it, where that is known.
   */
  readonly onDown: (calm: boolean, cause?: Error) => void;
}

/** One HTTP/2 session with an instance, from its connecting to its end. It does not come back. */
export class Http2Transport implements Carrier {
  readonly session: ClientSession;
  lastStreamId = Infinity;
  compressAboveBytes = Infinity;
  readonly #events: TransportEvents;
  readonly #options: TransportOptions;
  readonly #connectTimer: NodeJS.Timeout;
  readonly #dialer: Dialer;
  readonly #headers = new Map<string, Buffer>();
  #keepalive: Keepalive | undefined;
  #active = 0;
  #most = 0;
  #down = false;
  #upAt: number | undefined;

  constructor(dialer: Dialer, options: TransportOptions, events: TransportEvents) {
    this.#events = events;
    this.#options = options;
    this.#dialer = dialer;
    const socket = dialer.dial();
    const session = new ClientSession(
      socket,
      { streamWindowBytes, sessionWindowBytes },
      {
        onSettings: (maxConcurrentStreams) => this.#onSettings(maxConcurrentStreams),
        onGoaway: (code, lastStreamId) => {
          // It may say so again with a lower one, never a higher (RFC 9113, 6.8).
          this.lastStreamId = Math.min(this.lastStreamId, lastStreamId);
          const calm = code === errorCodes.enhanceYourCalm;
          if (calm) this.#keepalive?.stop();
          this.#onDown(calm);
          this.#closeIfIdle();
        },
        onClose: (cause) => {
          this.#keepalive?.stop();
          this.#onDown(false, cause);
        },
      },
    );
    this.session = session;
    this.#connectTimer = setTimeout(
      () => session.destroy(new Error(`not connected after ${options.connectMs} ms`)),
      options.connectMs,
    );
    socket.once(socket instanceof TLSSocket ? 'secureConnect' : 'connect', () => {
      // It may have been let go while it was connecting.
      if (session.over) return;
      if (socket instanceof TLSSocket) {
        if (socket.alpnProtocol !== 'h2') {
          session.destroy(new Error('the instance does not speak HTTP/2 over TLS (ALPN)'));
          return;
        }
        // RFC 9113, section 9.2.1.
        socket.disableRenegotiation();
      }
      session.start();
    });
  }

  /** Whether calls may be opened now. */
  get free(): boolean {
    return this.up && this.#active < this.#most;
  }

  get up(): boolean {
    return this.#upAt !== undefined && !this.#down && !this.session.over;
  }

  /** For how long it has been up, milliseconds. */
  get lastedMs(): number {
    return this.#upAt === undefined ? 0 : performance.now() - this.#upAt;
  }

  headersOf(path: string): Buffer {
    let headers = this.#headers.get(path);
    if (headers === undefined) {
      headers = encodedHeaders(this.#dialer.scheme, this.#dialer.authority, path);
      this.#headers.set(path, headers);
    }
    return headers;
  }

  answered(headers: Headers): void {
    const { compressAboveBytes } = this.#options;
    if (this.compressAboveBytes === compressAboveBytes) return;
    if (/\bgzip\b/.test(String(headers['grpc-accept-encoding'])))
      this.compressAboveBytes = compressAboveBytes;
  }

  open(call: Http2Call): void {
    this.#active += 1;
    call.open(this);
    // After a billion calls it is time for another session.
    if (this.session.usedUp) this.#onDown(false);
  }

  released(): void {
    this.#active -= 1;
    if (!this.#down) this.#events.onFree();
    else this.#closeIfIdle();
  }

  /** No new calls; those in flight go on. */
  close(): void {
    this.#onDown(false);
    if (this.#upAt === undefined) this.session.destroy();
    else this.#closeIfIdle();
  }

  #closeIfIdle(): void {
    if (this.#active > 0) return;
    this.#keepalive?.stop();
    this.session.close();
  }

  #onSettings(maxConcurrentStreams: number): void {
    this.#most = maxConcurrentStreams;
    if (this.#down) return;
    if (this.#upAt !== undefined) {
      this.#events.onFree();
      return;
    }
    clearTimeout(this.#connectTimer);
    this.#upAt = performance.now();
    const { session } = this;
    this.#keepalive = new Keepalive(session, this.#options.keepalive, () =>
      session.destroy(new Error('a ping was not answered')),
    );
    this.#events.onUp();
  }

  #onDown(calm: boolean, cause?: Error): void {
    if (this.#down) return;
    this.#down = true;
    clearTimeout(this.#connectTimer);
    this.#events.onDown(calm, cause);
  }
}
