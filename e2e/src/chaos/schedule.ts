import { pick, seeded, shuffled } from './random.ts';

/** Every kind of fault, by what it is done to. The faults of one group never overlap, those of two may. */
export const kinds = {
  process: ['killed', 'frozen', 'all killed', 'clock ahead', 'clock behind'],
  database: ['database killed', 'database frozen', 'disk full'],
  etcd: ['etcd killed', 'etcd frozen', 'etcd emptied'],
  network: ['requests lost', 'answers lost'],
} as const;

export type Group = keyof typeof kinds;
export type Kind = (typeof kinds)[Group][number];

/** Something that goes wrong, when, and for how long, from the moment the load begins. */
export interface Fault {
  readonly kind: Kind;
  /** A process (`catalog-2`), a workload of which all are meant, a link (`catalog → database`), or a server. */
  readonly target: string;
  readonly startMs: number;
  readonly durationMs: number;
}

/** What there is to be hurt. A group without targets, and a kind that is left out, is not in the schedule. */
export interface Targets {
  readonly processes: readonly string[];
  readonly workloads: readonly string[];
  readonly links: readonly string[];
  readonly leftOut: ReadonlySet<Kind>;
}

/** Longer than the 30 s of a saga's deadline, so that the longest faults make it pass. */
const mostPeriodMs = 45_000;

/**
 * The faults of a run: a function of its arguments alone. Each group's time is cut into equal periods with
 * one fault in each, of a kind dealt from a shuffled deck, so that every kind comes before one comes again.
 * Most faults are short and some take most of their period; all have ended when the time has.
 */
export function schedule(seed: number, totalMs: number, targets: Targets): readonly Fault[] {
  return (Object.keys(kinds) as Group[])
    .flatMap((group, index) => ofGroup(group, seeded(seed * 31 + index), totalMs, targets))
    .toSorted((a, b) => a.startMs - b.startMs);
}

function ofGroup(group: Group, random: () => number, totalMs: number, targets: Targets): Fault[] {
  const possible = kinds[group].filter((kind) => !targets.leftOut.has(kind));
  if (possible.length === 0) return [];
  const periods = Math.max(possible.length, Math.ceil(totalMs / mostPeriodMs));
  const periodMs = totalMs / periods;
  let deck: Kind[] = [];
  return Array.from({ length: periods }, (_, period) => {
    if (deck.length === 0) deck = shuffled(possible, random);
    const kind = deck.pop() as Kind;
    const share = 0.12 + 0.7 * random() ** 3;
    const startMs = Math.round((period + (1 - share) * random()) * periodMs);
    return {
      kind,
      target: targetOf(kind, targets, random),
      startMs,
      durationMs: Math.round(share * periodMs),
    };
  });
}

function targetOf(kind: Kind, { processes, workloads, links }: Targets, random: () => number): string {
  switch (kind) {
    case 'killed':
    case 'frozen':
      return pick(processes, random);
    // The edge has no clock of its own to speak of: it passes on what it is given.
    case 'clock ahead':
    case 'clock behind':
      return pick(
        processes.filter((name) => !name.startsWith('edge')),
        random,
      );
    case 'all killed':
      return pick(workloads, random);
    case 'requests lost':
    case 'answers lost':
      return pick(links, random);
    case 'database killed':
    case 'database frozen':
    case 'disk full':
      return 'database';
    case 'etcd killed':
    case 'etcd frozen':
    case 'etcd emptied':
      return 'etcd';
  }
}
