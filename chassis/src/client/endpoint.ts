import type { Instance } from '../discovery/registry.ts';
import type { Connection } from './connection.ts';
import { Failures, type EjectionCause } from './failures.ts';
import { Latency } from './latency.ts';
import type { InstanceStatus } from './mesh.ts';
import type { Outcome } from './outcome.ts';
import type { Candidate } from './pick.ts';

/** A newcomer gets its full share after this long (JIT, caches and pools warm up), growing from a tenth (Envoy's slow start). */
const slowStartMs = 10_000;
const leastWarmth = 0.1;
/** The calls that a connection takes with it all end within this time. */
const lossMs = 1_000;
/** An instance that loses its connections more often has something else than a sudden end. */
const lossEveryMs = 10_000;
/** Where nobody says when an instance was started: who was away for so long may be another at the same address. */
const restartMs = 1_000;

/** An instance with its connection and what was seen of it, shared by all services that it serves. */
export class Endpoint implements Candidate {
  readonly instance: Instance;
  readonly connection: Connection;
  /** Whose certificate it must show, as far as the contract says. */
  readonly workload: string | undefined;
  inFlight = 0;
  /** False while it says that it wants no calls. */
  serving = true;
  readonly #latency = new Latency();
  readonly #failures = new Failures();
  readonly #onEjected: () => void;
  readonly #startedAt: number;
  #wasReady: boolean;
  #awaySince: number;
  #coldAt: number;
  #lostAt = -Infinity;

  /** `onEjected`: for all services that it serves. */
  constructor(
    instance: Instance,
    connection: Connection,
    workload: string | undefined,
    now: number,
    onEjected: () => void,
  ) {
    this.#onEjected = onEjected;
    this.instance = instance;
    this.connection = connection;
    this.workload = workload;
    this.#startedAt = Date.parse(instance.startedAt);
    // One that has been running for long is no newcomer, though this process be one itself.
    const ageMs = Date.now() - this.#startedAt;
    this.#coldAt = now - (ageMs > 0 ? ageMs : 0);
    this.#wasReady = connection.ready;
    this.#awaySince = now;
  }

  get zone(): string {
    return this.instance.zone;
  }

  get weight(): number {
    return this.instance.weight;
  }

  get ready(): boolean {
    return this.connection.ready;
  }

  get ejected(): boolean {
    return performance.now() < this.#failures.ejectedUntil;
  }

  /** When it is no longer set aside, of `performance.now`; in the past if it is not. */
  get ejectedUntil(): number {
    return this.#failures.ejectedUntil;
  }

  warmthAt(now: number): number {
    return Math.min(1, Math.max(leastWarmth, (now - this.#coldAt) / slowStartMs));
  }

  latencyAt(now: number): number {
    return this.#latency.peakAt(now);
  }

  averageAt(now: number): number {
    return this.#latency.averageAt(now);
  }

  /** Its connection came, went, or was replaced. */
  reconnected(now: number): void {
    const { ready } = this;
    if (ready === this.#wasReady) return;
    this.#wasReady = ready;
    if (!ready) this.#awaySince = now;
    else if (Number.isNaN(this.#startedAt) && now - this.#awaySince >= restartMs) this.#coldAt = now;
  }

  /** Whether its connection has just been lost, and none in the 10 s before. */
  justLost(now: number): boolean {
    if (this.ready) return false;
    if (now - this.#lostAt >= lossEveryMs) this.#lostAt = now;
    return now - this.#lostAt < lossMs;
  }

  /** An attempt begins. `timed`: how long it takes is the instance's doing. */
  began(now: number, timed: boolean): void {
    this.inFlight += 1;
    if (timed) this.#latency.began(now);
  }

  /** An attempt that began at `since` is through. Answers what the instance is to be set aside for, if it is. */
  ended(outcome: Outcome, since: number, now: number, timed: boolean): EjectionCause | undefined {
    this.inFlight -= 1;
    if (timed) {
      if (outcome === 'answered') this.#latency.answered(now - since, now);
      else if (outcome === 'refused') this.#latency.refused(now);
      else this.#latency.unanswered(now - since, now);
    }
    if (outcome === 'faulty' || outcome === 'down') return this.#failures.failed(now);
    if (outcome === 'answered') this.#failures.succeeded();
    return undefined;
  }

  /** Sets the instance aside, longer each time in a row. */
  eject(now: number): void {
    this.#failures.eject(now);
    this.#onEjected();
  }

  status(): InstanceStatus {
    const { id, address, zone, version } = this.instance;
    const { ready, ejected, serving, inFlight } = this;
    const latencyMs = this.#latency.averageAt(performance.now());
    const able = ready && serving && !ejected;
    const latency = latencyMs === 0 ? {} : { latencyMs };
    return { id, address, zone, version, ready: able, ejected, serving, inFlight, ...latency };
  }
}
