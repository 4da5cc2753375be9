import { setTimeout as sleep } from 'node:timers/promises';

/** Asks every `everyMs` until the answer is true. False when it never was within `timeoutMs`. */
export async function waitFor(
  ask: () => boolean | Promise<boolean>,
  timeoutMs: number,
  everyMs = 50,
): Promise<boolean> {
  const end = performance.now() + timeoutMs;
  while (!(await ask())) {
    if (performance.now() > end) return false;
    await sleep(everyMs);
  }
  return true;
}
