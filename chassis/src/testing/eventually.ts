import { setTimeout as delay } from 'node:timers/promises';

/** Waits until `check` neither throws nor answers false, trying every 20 ms; after `limitMs` throws why not. */
export async function eventually(check: () => unknown, limitMs = 15_000): Promise<void> {
  for (const until = Date.now() + limitMs; ;) {
    try {
      if ((await check()) !== false) return;
      throw new Error(`still not so: ${check.toString()}`);
    } catch (error) {
      if (Date.now() > until) throw error;
      await delay(20);
    }
  }
}
