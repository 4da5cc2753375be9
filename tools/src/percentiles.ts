/** The 50th, 90th and 99th percentile and the largest of some durations (nearest rank), in whole milliseconds. */
export function percentiles(durationsMs: readonly number[]): string {
  const sorted = durationsMs.toSorted((a, b) => a - b);
  const at = (share: number) => sorted[Math.max(0, Math.ceil(sorted.length * share) - 1)];
  const shown = (value: number | undefined) => (value === undefined ? '-' : `${Math.round(value)}`);
  return `p50 ${shown(at(0.5))}  p90 ${shown(at(0.9))}  p99 ${shown(at(0.99))}  max ${shown(sorted.at(-1))} ms`;
}
