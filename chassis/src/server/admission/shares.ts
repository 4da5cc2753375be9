import type { Priority } from '../../call-context.ts';
const share: Readonly<Record<Priority, number>> = { BATCH: 0.7, USER: 0.9, CRITICAL: 1.1 };

/**
 * How many may be in flight for one more of this priority to be let in: BATCH to 70% of the limit, USER
 * to 90%, CRITICAL to all of it and a reserve of a tenth, at least 4, which nobody else reaches.
 */
export function roomFor(priority: Priority, limit: number): number {
  if (priority === 'CRITICAL') return Math.max(limit + 4, Math.floor(limit * share.CRITICAL));
  return Math.max(1, Math.floor(limit * share[priority]));
}
