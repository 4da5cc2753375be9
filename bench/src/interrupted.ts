/** Runs `clean` and exits when the process is told to end; answers how to take that back. */
export function onInterrupt(clean: () => Promise<unknown>): () => void {
  const interrupts = (
    [
      ['SIGINT', 130],
      ['SIGTERM', 143],
    ] as const
  ).map(([signal, code]) => {
    const listener = () => void clean().finally(() => process.exit(code));
    process.once(signal, listener);
    return () => process.off(signal, listener);
  });
  return () => interrupts.forEach((off) => void off());
}
