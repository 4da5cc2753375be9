import { connect, constants, type ClientHttp2Session } from 'node:http2';
import { TLSSocket } from 'node:tls';
import type { Carrier, Http2Call } from './http2-call.ts';
import { constantHeaders } from './http2-headers.ts';
import { Keepalive, type KeepaliveTimes } from './http2-keepalive.ts';
import type { Dialer } from './http2-security.ts';

/**
 * What a slow reader keeps in memory of a stream, beside what is read ahead for it: twice HTTP/2's default, as it
 * also bounds a stream's rate (at 1 ms to the instance and back, 128 MB/s).
 */
const streamWindowBytes = 128 * 1024;
/** Of all streams together: Node gives it back as bytes arrive, so that no stream can hold up others. */
const sessionWindowBytes = 8 * 1024 * 1024;

const sessionOptions = {
  settings: { enablePush: false, initialWindowSize: streamWindowBytes },
  // Node would refuse streams of its own above 10 MB; limits are kept by the windows, and by who calls.
  maxSessionMemory: Number.MAX_SAFE_INTEGER,
};

export interface TransportTimes {
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
  /** No new calls from now on. Once; those in flight may go on. `calm`: it was pinged too often. */
  readonly onDown: (calm: boolean) => void;
}

/** One HTTP/2 session with an instance, from its connecting to its end. It does not come back. */
export class Http2Transport implements Carrier {
  readonly session: ClientHttp2Session;
  readonly headers: readonly string[];
  lastStreamId = Infinity;
  readonly #events: TransportEvents;
  readonly #times: TransportTimes;
  readonly #connectTimer: NodeJS.Timeout;
  #keepalive: Keepalive | undefined;
  #active = 0;
  #most = 0;
  #down = false;
  #upAt: number | undefined;

  constructor(dialer: Dialer, times: TransportTimes, events: TransportEvents) {
    this.#events = events;
    this.#times = times;
    this.headers = constantHeaders(dialer.scheme, dialer.authority);
    const session = connect(`${dialer.scheme}://localhost`, {
      ...sessionOptions,
      createConnection: () => dialer.dial(),
    });
    this.session = session;
    this.#connectTimer = setTimeout(() => session.destroy(), times.connectMs);
    session.on('connect', (_, socket) => {
      if (socket instanceof TLSSocket && socket.alpnProtocol !== 'h2') session.destroy();
      // It may have been let go while it was connecting.
      else if (!session.destroyed) session.setLocalWindowSize(sessionWindowBytes);
    });
    session.on('remoteSettings', ({ maxConcurrentStreams = Infinity }) =>
      this.#onSettings(maxConcurrentStreams),
    );
    session.on('goaway', (code, lastStreamId) => {
      this.lastStreamId = lastStreamId;
      this.#onDown(code === constants.NGHTTP2_ENHANCE_YOUR_CALM);
    });
    // Always followed by `close`.
    session.on('error', () => undefined);
    session.on('close', () => this.#onDown(false));
  }

  /** Whether calls may be opened now. */
  get free(): boolean {
    return this.up && this.#active < this.#most;
  }

  get up(): boolean {
    return this.#upAt !== undefined && !this.#down && !this.lost;
  }

  get lost(): boolean {
    return this.session.closed || this.session.destroyed;
  }

  /** For how long it has been up, milliseconds. */
  get lastedMs(): number {
    return this.#upAt === undefined ? 0 : performance.now() - this.#upAt;
  }

  open(call: Http2Call): void {
    this.#active += 1;
    call.open(this);
  }

  released(): void {
    this.#active -= 1;
    if (!this.#down) this.#events.onFree();
    else if (this.#active === 0) this.session.close();
  }

  heard(): void {
    this.#keepalive?.heard();
  }

  /** No new calls; those in flight go on. */
  close(): void {
    this.#onDown(false);
    if (this.#upAt === undefined) this.session.destroy();
    // Not before: requests that are still to be written would be dropped.
    else if (this.#active === 0) this.session.close();
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
    this.#keepalive = new Keepalive(session, this.#times.keepalive, () => session.destroy());
    this.#events.onUp();
  }

  #onDown(calm: boolean): void {
    if (this.#down) return;
    this.#down = true;
    clearTimeout(this.#connectTimer);
    // A ping to a session that drains would be taken for a failure (Node answers it so at once).
    this.#keepalive?.stop();
    this.#events.onDown(calm);
  }
}
