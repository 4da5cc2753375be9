const firstMs = 100;
const longestMs = 2_000;

/** The pause before try number `failures` + 1, milliseconds: exponential up to 2 s, half of it random. */
export function backoffMs(failures: number, random: () => number = Math.random): number {
  const most = Math.min(longestMs, firstMs * 2 ** Math.min(failures, 10));
  return most / 2 + (random() * most) / 2;
}

/** A pause of what is done again and again, milliseconds: up to a quarter shorter, so that no two processes keep step. */
export function jitteredMs(ms: number, random: () => number = Math.random): number {
  return ms * (1 - random() / 4);
}
