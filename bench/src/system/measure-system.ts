import { setTimeout as sleep } from 'node:timers/promises';
import { onInterrupt } from '../interrupted.ts';
import { measureOrders } from './orders.ts';
import { privateSystem } from './private-system.ts';
import { measureReads, memory } from './reads.ts';

/** V8 gives memory back when a process has been idle for a while. */
const idleMs = 60_000;
const seconds = (ms: number) => `${(ms / 1000).toFixed(1)} s`;

/** The whole shop: its start, memory, reads and orders. Ended and removed afterwards, also on SIGINT. */
export async function measureSystem(say: (text: string) => void): Promise<void> {
  const system = await privateSystem();
  const through = onInterrupt(() => system.remove());
  try {
    say(`make up, no data     ${seconds(await system.make('up'))} (dependencies installed)`);
    say(`make up, running     ${seconds(await system.make('up'))}`);
    say(`make down            ${seconds(await system.make('down'))}`);
    say(`make up, after down  ${seconds(await system.make('up'))}`);
    await sleep(idleMs);
    say(`memory, idle         ${memory(system).text}`);
    say(await measureReads(system));
    say(await measureOrders(system));
  } finally {
    through();
    await system.remove();
  }
}
