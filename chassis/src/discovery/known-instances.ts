import type { Instance } from './registry.ts';

interface Known {
  readonly instance: Instance;
  /** Since when the registry has not told of it, milliseconds; undefined while it does. */
  missingSince: number | undefined;
}

type Service = Map<string, Known>;

/** How much longer those stay that vanished together with most of their service. */
const manyVanished = 10;

/**
 * What is known of the instances of all services. An instance leaves at once by its own word (weight
 * 0), or when another is told of at its address. One that only vanished from the registry, because its lease
 * ended or the registry lost its data, may well be alive: it stays for `graceMs`, ten times as long while
 * less than half of its service is registered, and for ever while its service has no other. Whether it can
 * be reached is for its connection to say.
 *
 * Times are milliseconds of any clock that never jumps.
 */
export class KnownInstances {
  readonly #graceMs: number;
  readonly #services = new Map<string, Service>();

  constructor(graceMs: number) {
    this.#graceMs = graceMs;
  }

  of(service: string): readonly Instance[] {
    return [...(this.#services.get(service)?.values() ?? [])].map(({ instance }) => instance);
  }

  /** The names of all services that have an instance, or had one, sorted. */
  services(): readonly string[] {
    return [...this.#services.keys()].sort();
  }

  /** All services with their instances. */
  all(): Record<string, readonly Instance[]> {
    return Object.fromEntries([...this.#services.keys()].map((service) => [service, this.of(service)]));
  }

  /** The registry tells of an instance. Answers whether anything changed. */
  put(service: string, instance: Instance): boolean {
    const known: Service = this.#services.get(service) ?? new Map();
    if (instance.weight === 0) return known.delete(instance.id);
    let replaced = false;
    for (const [id, { instance: other, missingSince }] of known) {
      if (id === instance.id || other.address !== instance.address) continue;
      // Two cannot be in one place: the one that started later has ended the other.
      if (missingSince === undefined && other.startedAt > instance.startedAt) return false;
      replaced = known.delete(id);
    }
    const before = known.get(instance.id)?.instance;
    this.#services.set(service, known.set(instance.id, { instance, missingSince: undefined }));
    return replaced || JSON.stringify(before) !== JSON.stringify(instance);
  }

  /** The registry no longer tells of an instance. */
  missing(service: string, id: string, now: number): void {
    const known = this.#services.get(service)?.get(id);
    if (known !== undefined) known.missingSince ??= now;
  }

  /** The registry's whole content. Answers the services that changed. */
  replace(content: readonly (readonly [service: string, instance: Instance])[], now: number): Set<string> {
    const changed = new Set<string>();
    const told = new Set(content.map(([service, { id }]) => `${service}/${id}`));
    for (const [service, known] of this.#services)
      for (const id of known.keys()) if (!told.has(`${service}/${id}`)) this.missing(service, id, now);
    for (const [service, instance] of content) if (this.put(service, instance)) changed.add(service);
    return changed;
  }

  /** Drops what vanished long enough ago. Answers the services that changed. */
  expire(now: number): Set<string> {
    const changed = new Set<string>();
    for (const [service, known] of this.#services) {
      const ends = this.#endsOf(known);
      for (const [id, { missingSince }] of known)
        if (missingSince !== undefined && now >= missingSince + ends) {
          known.delete(id);
          changed.add(service);
        }
    }
    return changed;
  }

  /** When `expire` would next drop one; Infinity for never. */
  nextExpiry(): number {
    let next = Infinity;
    for (const known of this.#services.values()) {
      const ends = this.#endsOf(known);
      for (const { missingSince } of known.values())
        if (missingSince !== undefined) next = Math.min(next, missingSince + ends);
    }
    return next;
  }

  /** How long a vanished instance of a service stays. */
  #endsOf(known: Service): number {
    let present = 0;
    for (const { missingSince } of known.values()) if (missingSince === undefined) present += 1;
    if (present === 0) return Infinity;
    return present * 2 >= known.size ? this.#graceMs : this.#graceMs * manyVanished;
  }
}
