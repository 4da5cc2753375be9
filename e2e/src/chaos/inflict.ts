import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ChaosSystem } from './chaos-system.ts';
import { kinds, type Fault, type Group, type Kind, type Targets } from './schedule.ts';

const hourMs = 3_600_000;

/** What happened, and when, from the moment the load began. */
export interface Event {
  readonly atMs: number;
  readonly what: string;
}

/** A fault, from before it began until what it broke was mended, as it came about. */
export interface Inflicted {
  readonly fault: Fault;
  readonly fromMs: number;
  readonly toMs: number;
}

/** What a system has to be hurt. */
export function targetsOf(system: ChaosSystem): Targets {
  return {
    processes: system.processes,
    workloads: system.processes.filter((name) => !/-\d+$/.test(name)),
    links: [...system.links.keys()],
    leftOut: new Set(system.infrastructure.leftOut.flatMap((left) => left.kinds)),
  };
}

/**
 * Does what the schedule says, when it says it, but never two faults of a group at once: one that is still
 * being mended keeps the next one waiting. Resolves when every fault is over and mended.
 */
export async function inflict(
  system: ChaosSystem,
  faults: readonly Fault[],
  now: () => number,
  tell: (event: Event) => void,
): Promise<readonly Inflicted[]> {
  const failed = new AbortController();
  const until = (ms: number) => sleep(Math.max(0, ms - now()), undefined, { signal: failed.signal });
  const ofGroup = async (group: Group): Promise<Inflicted[]> => {
    const inflicted: Inflicted[] = [];
    for (const fault of faults.filter(({ kind }) => kinds[group].some((one) => one === kind))) {
      const { kind, target, startMs, durationMs } = fault;
      await until(startMs);
      const fromMs = now();
      tell({ atMs: fromMs, what: `${target}: ${kind}` });
      await deeds[kind].begin(system, fault);
      await until(fromMs + durationMs);
      const overMs = now();
      await deeds[kind].end(system, fault);
      tell({ atMs: now(), what: `${target}: mended after ${seconds(overMs - fromMs)} (${kind})` });
      inflicted.push({ fault, fromMs, toMs: now() });
    }
    return inflicted;
  };
  const groups = (Object.keys(kinds) as Group[]).map(async (group) => {
    try {
      return await ofGroup(group);
    } catch (error) {
      // The others break nothing more of a system that is about to be ended.
      failed.abort(error);
      throw error;
    }
  });
  const all = await Promise.allSettled(groups);
  failed.signal.throwIfAborted();
  return all.flatMap((group) => (group.status === 'fulfilled' ? group.value : []));
}

type Deed = (system: ChaosSystem, fault: Fault) => unknown;

const server = {
  begin: (system: ChaosSystem, fault: Fault) => system.infrastructure.begin(fault),
  end: (system: ChaosSystem, fault: Fault) => system.infrastructure.end(fault),
};
const heal: Deed = ({ links }, { target }) => links.get(target)?.heal();
const clockRight: Deed = (system, { target }) => setClock(system, target, 0);

const deeds: Readonly<Record<Kind, { readonly begin: Deed; readonly end: Deed }>> = {
  killed: {
    begin: (system, { target }) => system.takeDown(target),
    end: (system, { target }) => system.startAgain(target),
  },
  'all killed': {
    begin: (system, { target }) => each(system, target, (name) => system.takeDown(name)),
    end: (system, { target }) => each(system, target, (name) => system.startAgain(name)),
  },
  frozen: {
    begin: (system, { target }) => system.signal(target, 'SIGSTOP'),
    end: (system, { target }) => system.signal(target, 'SIGCONT'),
  },
  'clock ahead': { begin: (system, { target }) => setClock(system, target, hourMs), end: clockRight },
  'clock behind': { begin: (system, { target }) => setClock(system, target, -hourMs), end: clockRight },
  'requests lost': { begin: ({ links }, { target }) => links.get(target)?.lose('requests'), end: heal },
  'answers lost': { begin: ({ links }, { target }) => links.get(target)?.lose('answers'), end: heal },
  'database killed': server,
  'database frozen': server,
  'disk full': server,
  'etcd killed': server,
  'etcd frozen': server,
  'etcd emptied': server,
};

/** Every instance of a workload, all at once. */
function each(system: ChaosSystem, workload: string, act: (name: string) => Promise<void>): Promise<unknown> {
  return Promise.all(system.processes.filter((name) => name.replace(/-\d+$/, '') === workload).map(act));
}

/** See shifted-clock.ts. */
function setClock(system: ChaosSystem, target: string, offsetMs: number): void {
  const { pid } = system.process(target);
  writeFileSync(join(system.clockFolder, String(pid)), String(offsetMs));
  system.signal(target, 'SIGUSR2');
}

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`;
}
