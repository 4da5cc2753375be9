import type { Priority } from './call-context.ts';
/**
 * Tells the next hop that a call is made for one of lower priority. Only this process writes it: what comes from
 * outside in metadata of this name is not sent on.
 */
export const priorityHeader = 'weft-priority';

const ranks: Readonly<Record<Priority, number>> = { CRITICAL: 0, USER: 1, BATCH: 2 };

/** The lower of a method's priority and another, which may be anything: what is none changes nothing. */
export function lowered(priority: Priority, by: unknown): Priority {
  if (by === undefined || !Object.hasOwn(ranks, by as string)) return priority;
  return ranks[by as Priority] > ranks[priority] ? (by as Priority) : priority;
}
