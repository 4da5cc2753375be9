import type { TlsSource } from '../tls-source.ts';
import type { Attempt, Connect, Connection, StreamingAttempt } from './connection.ts';
import type { StreamResult, UnaryResult } from './mesh.ts';

const hourMs = 3_600_000;
/** So long may a connection be used on whose certificate an authority signed that is trusted no more. */
const distrustMs = 60_000;

export interface RenewOptions {
  /** A connection is replaced at this age, give or take a tenth. Default: 1 h. */
  readonly maxAgeMs?: number;
}

/**
 * Connections that are made anew when the identity changes, and at an age: what both sides showed each other is
 * then looked at again. The new one is made first, and takes over once it is ready; calls in flight end where
 * they began. One that cannot be made leaves the old in use, but for a minute only where the authorities changed.
 */
export function renewed(connect: Connect, source: TlsSource, options: RenewOptions = {}): Connect {
  const { maxAgeMs = hourMs } = options;
  return (address, workload, onChange) =>
    new RenewedConnection((changed) => connect(address, workload, changed), source, maxAgeMs, onChange);
}

class RenewedConnection implements Connection {
  readonly #open: (onChange: () => void) => Connection;
  readonly #source: TlsSource;
  readonly #maxAgeMs: number;
  readonly #onChange: () => void;
  readonly #unfollow: () => void;
  #current: Connection;
  #next: Connection | undefined;
  #authorities: Buffer;
  #ageTimer: NodeJS.Timeout | undefined;
  #distrustTimer: NodeJS.Timeout | undefined;

  constructor(
    open: (onChange: () => void) => Connection,
    source: TlsSource,
    maxAgeMs: number,
    onChange: () => void,
  ) {
    this.#open = open;
    this.#source = source;
    this.#maxAgeMs = maxAgeMs;
    this.#onChange = onChange;
    this.#authorities = source.current().ca;
    this.#unfollow = source.onChange(() => this.#renew());
    this.#current = open(onChange);
    this.#ages();
  }

  get ready(): boolean {
    return this.#current.ready;
  }

  unary(attempt: Attempt): Promise<UnaryResult> {
    return this.#current.unary(attempt);
  }

  serverStream(attempt: Attempt): StreamResult {
    return this.#current.serverStream(attempt);
  }

  clientStream(attempt: StreamingAttempt): StreamResult {
    return this.#current.clientStream(attempt);
  }

  close(): void {
    this.#unfollow();
    clearTimeout(this.#ageTimer);
    clearTimeout(this.#distrustTimer);
    this.#next?.close();
    this.#current.close();
  }

  #renew(): void {
    this.#next?.close();
    const made: { next?: Connection } = {};
    const next = this.#open(() => {
      // It may tell of itself before it is made.
      if (made.next === undefined) return;
      if (this.#next === made.next && made.next.ready) this.#takeOver(made.next);
      else if (this.#current === made.next) this.#onChange();
    });
    made.next = next;
    this.#next = next;
    const { ca } = this.#source.current();
    if (!ca.equals(this.#authorities)) {
      this.#authorities = ca;
      clearTimeout(this.#distrustTimer);
      this.#distrustTimer = setTimeout(() => this.#giveUpOld(), distrustMs).unref();
    }
    // One that is not up has nothing to lose, and may be connecting as who we were.
    if (!this.#current.ready || next.ready) this.#takeOver(next);
  }

  #takeOver(next: Connection): void {
    const before = this.#current;
    this.#current = next;
    this.#next = undefined;
    before.close();
    clearTimeout(this.#distrustTimer);
    this.#ages();
    this.#onChange();
  }

  #giveUpOld(): void {
    if (this.#next !== undefined) this.#takeOver(this.#next);
  }

  #ages(): void {
    clearTimeout(this.#ageTimer);
    this.#ageTimer = setTimeout(() => this.#renew(), this.#maxAgeMs * (0.9 + Math.random() / 5)).unref();
  }
}
