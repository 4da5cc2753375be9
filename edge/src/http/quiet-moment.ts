import type { Server } from 'node:net';
import { setImmediate as nextTurn } from 'node:timers/promises';

const shortMs = 0.5;

/**
 * Waits for a turn of the event loop that took next to no time and brought no new connection, for at most
 * `mostMs`. A port that is closed then hardly resets anybody: the system answers connections before this
 * process hears of them, and resets those that it still holds when the port closes.
 */
export async function quietMoment(server: Server, mostMs: number): Promise<void> {
  let accepted = 0;
  const count = (): void => void (accepted += 1);
  server.on('connection', count);
  for (const until = performance.now() + mostMs; performance.now() < until;) {
    await nextTurn();
    const [before, startedAt] = [accepted, performance.now()];
    await nextTurn();
    if (accepted === before && performance.now() - startedAt < shortMs) break;
  }
  server.off('connection', count);
}
