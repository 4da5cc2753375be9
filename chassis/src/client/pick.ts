/** What is known of an instance when one is chosen. Times are milliseconds of one clock, given as `now`. */
export interface Candidate {
  readonly zone: string;
  /** Connected. */
  readonly ready: boolean;
  /** Set aside for its failures. */
  readonly ejected: boolean;
  /** Has not said that it wants no calls. */
  readonly serving: boolean;
  readonly inFlight: number;
  /** Its share of traffic relative to the others, above 0. */
  readonly weight: number;
  /** From above 0 for a newcomer to 1. */
  warmthAt(now: number): number;
  /** What the next call may take: a peak is taken at once and fades. */
  latencyAt(now: number): number;
  /** What calls take on average, remembered for longer. */
  averageAt(now: number): number;
}

/** Who may be chosen, as things stand. */
export interface Choices<C> {
  /** Of the own zone, or all where there is no choice of zones. */
  readonly own: readonly C[];
  readonly others: readonly C[];
  /** How much of the traffic the own zone can take, 0 to 1. */
  readonly kept: number;
  /** Ready too, but set aside or not serving: for when nobody else is left. */
  readonly rest: readonly C[];
  /** More than half are set aside or not serving, so all that are ready may be chosen. */
  readonly panic: boolean;
}

/** Calls take so long that differences below it, of microseconds and pauses for garbage, do not decide. */
const floorMs = 5;
/** Envoy's and gRPC's overprovisioning factor: a zone copes with the load of two in seven more. */
const overprovisioning = 1.4;
/** So many times slower must the own zone be before calls leave it. */
const clearly = 2;

/**
 * Who may be chosen: those that are ready, serve and are not set aside; all that are ready where these are less
 * than half of them, since the few would be crushed by the load of all, and what speaks against so many is as
 * likely to be wrong (Envoy's panic threshold).
 *
 * The own zone comes first. It keeps 1.4 times its healthy part of the traffic, as an Envoy or gRPC priority
 * does: with half of its instances gone it keeps 70%. A newcomer counts as far as it is warm, against the warmest
 * of all, so that where all are new none is. How many callers each zone has nobody here knows, so that Envoy's
 * zone-aware shares cannot be computed; a zone that gets too much shows by its latency (`pick`), as in Linkerd's
 * HAZL. `zone` '': there is no choice of zones.
 */
export function choicesOf<C extends Candidate>(
  candidates: readonly C[],
  zone: string,
  now: number,
): Choices<C> {
  const ready = candidates.filter((one) => one.ready);
  const good = ready.filter((one) => one.serving && !one.ejected);
  const panic = good.length * 2 < ready.length;
  const usable = panic ? ready : good;
  const rest = panic || good.length === ready.length ? [] : ready.filter((one) => !good.includes(one));
  const own = zone === '' ? usable : usable.filter((one) => one.zone === zone);
  if (own.length === usable.length) return { own, others: [], kept: 1, rest, panic };
  const others = usable.filter((one) => one.zone !== zone);
  if (own.length === 0) return { own: others, others: [], kept: 1, rest, panic };
  const warmest = Math.max(...usable.map((one) => one.warmthAt(now)));
  const capacity = sum(own, (one) => (one.weight * one.warmthAt(now)) / warmest);
  const whole = sum(candidates, (one) => (one.zone === zone ? one.weight : 0));
  return { own, others, kept: Math.min(1, (overprovisioning * capacity) / whole), rest, panic };
}

/**
 * Chooses an instance by the power of two choices (Mitzenmacher 2001): of two at random, the one that promises to
 * answer sooner by latency × (in flight + 1) is the likelier by the square of the ratio, and by its weight. So
 * like instances share evenly, and a slow one is hardly chosen but never quite forgotten. Latency is peak-EWMA
 * (Finagle).
 *
 * Where the choice of the own zone takes over twice as long on average as that of the others, calls leave the
 * zone in proportion: at four times half of them do, so that the zone keeps what it can take.
 *
 * Those in `tried` come in where no other is left, and before them those that are set aside. Undefined: none is
 * ready. `random` yields 0 (inclusive) to 1 (exclusive).
 */
export function pick<C extends Candidate>(
  choices: Choices<C>,
  tried: ReadonlySet<C>,
  random: () => number,
  now: number,
): C | undefined {
  if (tried.size > 0) return pick(untried(choices, tried), noneTried, random, now);
  const { own, others, kept, rest } = choices;
  if (own.length === 0) return ofTwo(rest, random, now);
  const first = ofTwo(own, random, now);
  if (others.length === 0 || first === undefined) return first;
  const slowest = clearly * floorMs;
  const here = first.averageAt(now) + floorMs;
  if (here <= slowest && kept === 1) return first;
  const elsewhere = ofTwo(others, random, now);
  if (elsewhere === undefined) return first;
  // Of whom nothing is known, something has to be found out, but by one call.
  if (kept === 1 && elsewhere.averageAt(now) === 0 && elsewhere.inFlight > 0) return first;
  const there = elsewhere.averageAt(now) + floorMs;
  return random() < kept * Math.min(1, (clearly * there) / here) ? first : elsewhere;
}

const noneTried: ReadonlySet<never> = new Set<never>();

function untried<C extends Candidate>(choices: Choices<C>, tried: ReadonlySet<C>): Choices<C> {
  const isNew = (one: C): boolean => !tried.has(one);
  const [own, others] = [choices.own.filter(isNew), choices.others.filter(isNew)];
  const rest = choices.rest.filter(isNew);
  if (own.length > 0) return { ...choices, own, others };
  if (others.length > 0) return { ...choices, own: others, others: [] };
  if (rest.length > 0) return { ...choices, own: rest, others: [] };
  return { ...choices, own: [...choices.own, ...choices.others, ...choices.rest], others: [] };
}

function ofTwo<C extends Candidate>(pool: readonly C[], random: () => number, now: number): C | undefined {
  if (pool.length < 2) return pool[0];
  const first = Math.floor(random() * pool.length);
  const second = (first + 1 + Math.floor(random() * (pool.length - 1))) % pool.length;
  const a = pool[first];
  const b = pool[second];
  if (a === undefined || b === undefined) return a ?? b;
  const costA = cost(a, now);
  const costB = cost(b, now);
  return random() * (costA + costB) < costB ? a : b;
}

function cost(one: Candidate, now: number): number {
  const ms = (one.latencyAt(now) + floorMs) * (one.inFlight + 1);
  return (ms * ms) / (one.weight * one.warmthAt(now));
}

function sum<T>(items: readonly T[], of: (item: T) => number): number {
  return items.reduce((total, item) => total + of(item), 0);
}
