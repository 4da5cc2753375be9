import type { PrivateSystem } from '../system/private-system.ts';
import { cpuMs } from '../system/process-usage.ts';

/** CPU time of each process of the system, and of this one, milliseconds. */
export type Usage = ReadonlyMap<string, number>;

const self = 'bench';

/** What each has used since it started. */
export function usageOf(system: PrivateSystem): Usage {
  return new Map([...system.pids(), [self, process.pid] as const].map(([name, pid]) => [name, cpuMs(pid)]));
}

/** What each has used since `before`. */
export function usageSince(system: PrivateSystem, before: Usage): Usage {
  return new Map([...usageOf(system)].map(([name, ms]) => [name, ms - (before.get(name) ?? 0)]));
}

/** The processes that used a hundredth of a millisecond or more for each of `count`, and all together. */
export function usageEach(usage: Usage, count: number): string {
  const each = [...usage].map(([name, ms]) => [name, ms / count] as const);
  const shown = each.filter(([, ms]) => ms >= 0.01).map(([name, ms]) => `${name} ${ms.toFixed(2)}`);
  const total = each.reduce((sum, [, ms]) => sum + ms, 0);
  return `${shown.join(', ')}; together ${total.toFixed(2)} ms`;
}
