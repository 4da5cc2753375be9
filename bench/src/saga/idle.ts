import { setTimeout as sleep } from 'node:timers/promises';
import { cpuUs } from '../child.ts';
import type { PrivateSystem } from '../system/private-system.ts';
import type { Admin } from './admin.ts';

const seconds = 10;

/** What the system costs while nobody asks for anything: relays, sweepers and feeds that poll. */
export async function measureIdle(system: PrivateSystem, admin: Admin): Promise<string> {
  const used = () => new Map([...system.pids()].map(([name, pid]) => [name, cpuUs(pid)]));
  const statements = () => admin.counter('Questions');
  const [usedBefore, before] = [used(), await statements()];
  await sleep(seconds * 1000);
  const [usedAfter, after] = [used(), await statements()];
  const shares = [...usedAfter].map(([name, us]) => {
    const percent = (us - (usedBefore.get(name) ?? 0)) / seconds / 10_000;
    return `${name} ${percent.toFixed(1)}%`;
  });
  // The second question about the counter counts itself.
  const rate = (after - before - 1) / seconds;
  return `idle                 ${shares.join(', ')} of a core; ${rate.toFixed(1)} statements/s`;
}
