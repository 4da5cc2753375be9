/** One running instance of a gRPC service. */
export interface Instance {
  /** Unique among the service's instances. */
  readonly id: string;
  /** `host:port`. */
  readonly address: string;
  readonly zone: string;
  /** Share of traffic relative to other instances; above 0, usually 1. */
  readonly weight: number;
  readonly version: string;
  /** RFC 3339. */
  readonly startedAt: string;
}

/** Makes an instance known to others, for as long as it lives. */
export interface Registry {
  /**
   * Registers an instance for several gRPC services, and keeps at it for ever: a registry that is
   * away, restarted or emptied is registered with again. Returns at once.
   */
  register(instance: Instance, services: readonly string[]): Registration;
}

export interface Registration {
  /** Whether the registry held the registration when it was last heard of, and what is in the way. */
  status(): {
    readonly registered: boolean;
    readonly detail: string;
    /** What is left of the lease if it is not renewed, milliseconds; 0 without one. */
    readonly leaseMs: number;
  };
  /** Takes the instance out of the registry; gives up after `timeoutMs`. Never rejects. */
  deregister(timeoutMs?: number): Promise<void>;
}

/** Tells which instances serve a gRPC service. */
export interface Resolver {
  /**
   * Calls `listener` with all instances of a gRPC service as soon as they are known, and again
   * whenever they change. A source that is away changes nothing: the last known instances stay.
   * Returns a function that ends the watch.
   */
  watch(service: string, listener: (instances: readonly Instance[]) => void): () => void;
  /** Whether the source answers, for people: an instance works on with what it knows. */
  status(): { readonly connected: boolean; readonly detail: string };
  close(): Promise<void>;
}

/** A resolver that knows of all services by itself. */
export interface Directory extends Resolver {
  /**
   * Calls `listener` with the names of all gRPC services that have had an instance, sorted, as soon as they
   * are known and whenever one is new. Returns a function that ends the watch.
   */
  services(listener: (names: readonly string[]) => void): () => void;
}
