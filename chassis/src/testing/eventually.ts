import { setTimeout as delay } from 'node:timers/promises';

/** Waits until `check` no longer throws, trying every 20 ms; after `limitMs` throws what it threw last. */
export async function eventually(check: () => unknown, limitMs = 12_000): Promise<void> {
  for (const until = Date.now() + limitMs; ;) {
    try {
      await check();
      return;
    } catch (error) {
      if (Date.now() > until) throw error;
      await delay(20);
    }
  }
}
