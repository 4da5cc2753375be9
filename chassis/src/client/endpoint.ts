import type { CodeName } from '../errors.ts';
import type { Instance } from '../discovery/registry.ts';
import type { Connection } from './connection.ts';
import type { InstanceStatus } from './mesh.ts';
import type { Candidate } from './pick.ts';

/** How fast an observation fades: after this long it counts for 1/e. */
const fadeMs = 10_000;
const failuresToEject = 5;
const ejectionMs = 5_000;
const longestEjectionMs = 60_000;
/** A new instance gets its full share after this long (JIT, caches and pools warm up). */
const slowStartMs = 5_000;

/** Answers that speak against the instance rather than the request. */
const instanceFaults = new Set<CodeName>(['UNAVAILABLE', 'DEADLINE_EXCEEDED', 'INTERNAL', 'UNKNOWN']);

/** An instance with its connection and what was seen of it, shared by all services that it serves. */
export class Endpoint implements Candidate {
  readonly instance: Instance;
  readonly connection: Connection;
  inFlight = 0;
  #latencyMs: number | undefined;
  #observedAt = 0;
  #failures = 0;
  #ejections = 0;
  #ejectedUntil = 0;
  readonly #since = Date.now();

  constructor(instance: Instance, connection: Connection) {
    this.instance = instance;
    this.connection = connection;
  }

  get ready(): boolean {
    return this.connection.ready;
  }

  get ejected(): boolean {
    return this.#ejectedUntil > Date.now();
  }

  /** Fades towards 0 while nothing is observed, so that a slow instance is tried again. */
  get latencyMs(): number {
    if (this.#latencyMs === undefined) return 0;
    return this.#latencyMs * Math.exp((this.#observedAt - Date.now()) / fadeMs);
  }

  get weight(): number {
    const grown = Math.min(1, Math.max(0.1, (Date.now() - this.#since) / slowStartMs));
    return this.instance.weight * grown;
  }

  /**
   * Records an attempt; without `ms`, its outcome alone. Answers whether the instance has now failed often
   * enough to be set aside.
   */
  observe(ms: number | undefined, code: CodeName | 'OK'): boolean {
    if (ms !== undefined) this.#measured(ms);
    if (code === 'OK' || !instanceFaults.has(code)) {
      this.#failures = 0;
      if (code === 'OK') this.#ejections = 0;
      return false;
    }
    this.#failures += 1;
    return this.#failures >= failuresToEject && !this.ejected;
  }

  #measured(ms: number): void {
    const now = Date.now();
    const keep = Math.exp((this.#observedAt - now) / fadeMs);
    const share = Math.max(0.1, 1 - keep);
    this.#latencyMs = this.#latencyMs === undefined ? ms : this.#latencyMs * (1 - share) + ms * share;
    this.#observedAt = now;
  }

  /** Sets the instance aside, longer each time in a row. */
  eject(): void {
    const ms = Math.min(longestEjectionMs, ejectionMs * 2 ** this.#ejections);
    this.#ejections += 1;
    this.#failures = 0;
    this.#ejectedUntil = Date.now() + ms;
  }

  status(): InstanceStatus {
    const { id, address, zone, version } = this.instance;
    const { ready, ejected, inFlight } = this;
    const latency = this.#latencyMs === undefined ? {} : { latencyMs: this.#latencyMs };
    return { id, address, zone, version, ready: ready && !ejected, ejected, inFlight, ...latency };
  }
}
