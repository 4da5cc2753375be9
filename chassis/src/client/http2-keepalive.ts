import type { ClientSession } from '../http2/session.ts';

export interface KeepaliveTimes {
  /** Nothing heard for so long: a ping. Milliseconds. */
  readonly timeMs: number;
  /** No answer to it for so long: the peer is dead. */
  readonly timeoutMs: number;
}

/** Finds a peer that is gone without a word (gRFC A8). Pings only where nothing else is heard. */
export class Keepalive {
  readonly #session: ClientSession;
  readonly #times: KeepaliveTimes;
  readonly #dead: () => void;
  #timer: NodeJS.Timeout | undefined;
  #stopped = false;

  /** `dead` is called at most once. */
  constructor(session: ClientSession, times: KeepaliveTimes, dead: () => void) {
    this.#session = session;
    this.#times = times;
    this.#dead = dead;
    this.#wait();
  }

  stop(): void {
    this.#stopped = true;
    clearTimeout(this.#timer);
  }

  #wait(): void {
    const waitMs = this.#session.heardAt + this.#times.timeMs - performance.now();
    this.#timer = waitMs > 0 ? setTimeout(() => this.#wait(), Math.ceil(waitMs)) : this.#ping();
  }

  #ping(): NodeJS.Timeout | undefined {
    if (this.#session.over) return undefined;
    this.#session.ping(() => {
      if (this.#stopped) return;
      clearTimeout(this.#timer);
      this.#wait();
    });
    return setTimeout(() => {
      this.stop();
      this.#dead();
    }, this.#times.timeoutMs);
  }
}
