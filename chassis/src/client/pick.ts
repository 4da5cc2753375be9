/** What is known of an instance when one is chosen. */
export interface Candidate {
  /** Connected. */
  readonly ready: boolean;
  /** Set aside for its failures. */
  readonly ejected: boolean;
  readonly inFlight: number;
  /** Moving average of its time to answer, already faded by its age; milliseconds. */
  readonly latencyMs: number;
  /** Its share of traffic relative to the others, above 0. */
  readonly weight: number;
}

/**
 * Chooses an instance by the power of two choices (Mitzenmacher 2001): of two at random, the one that
 * promises to answer sooner, latency × (in flight + 1) / weight, is the likelier by the square of the
 * ratio. So like instances share evenly, and a slow one is hardly chosen but never quite forgotten.
 *
 * Only ready instances are chosen. Ejected ones and those in `tried` come in where no other is left.
 * Undefined: none is ready. `random` yields 0 (inclusive) to 1 (exclusive).
 */
export function pick<C extends Candidate>(
  candidates: readonly C[],
  tried: ReadonlySet<C>,
  random: () => number,
): C | undefined {
  const quick = quickPick(candidates, tried, random);
  if (quick !== undefined) return quick;
  const ready = candidates.filter((candidate) => candidate.ready);
  const untried = tried.size === 0 ? ready : ready.filter((candidate) => !tried.has(candidate));
  const best = untried.filter((candidate) => !candidate.ejected);
  const pool = best.length > 0 ? best : untried.length > 0 ? untried : ready;
  return ofTwo(pool, random);
}

/** Where all are as good, which is nearly always, no lists have to be made. */
function quickPick<C extends Candidate>(
  candidates: readonly C[],
  tried: ReadonlySet<C>,
  random: () => number,
): C | undefined {
  for (const candidate of candidates)
    if (!candidate.ready || candidate.ejected || tried.has(candidate)) return undefined;
  return ofTwo(candidates, random);
}

function ofTwo<C extends Candidate>(pool: readonly C[], random: () => number): C | undefined {
  if (pool.length < 2) return pool[0];
  const first = Math.floor(random() * pool.length);
  const second = (first + 1 + Math.floor(random() * (pool.length - 1))) % pool.length;
  const a = pool[first];
  const b = pool[second];
  if (a === undefined || b === undefined) return a ?? b;
  const costA = cost(a) ** 2;
  const costB = cost(b) ** 2;
  return random() * (costA + costB) < costB ? a : b;
}

function cost({ latencyMs, inFlight, weight }: Candidate): number {
  // A floor, so that microseconds of difference between idle instances do not decide.
  return ((latencyMs + 1) * (inFlight + 1)) / weight;
}
