import { readFileSync } from 'node:fs';
import { join } from 'node:path';

// Loaded before a process's own code (node --import). On SIGUSR2 its wall clock jumps to be wrong by the
// milliseconds in the file CHAOS_CLOCK_FOLDER/<pid>. What measures durations (performance, timers) goes on.

let offsetMs = 0;
process.on('SIGUSR2', () => {
  offsetMs = Number(readFileSync(join(process.env['CHAOS_CLOCK_FOLDER'] ?? '', String(process.pid)), 'utf8'));
});

const real = Date;
const now = (): number => real.now() + offsetMs;
// A proxy, so that a Date from elsewhere is still an instance of Date.
globalThis.Date = new Proxy(real, {
  construct: (target, args: unknown[], newTarget) =>
    Reflect.construct(target, args.length === 0 ? [now()] : args, newTarget) as Date,
  apply: () => new real(now()).toString(),
  get: (target, name, receiver) => (name === 'now' ? now : (Reflect.get(target, name, receiver) as unknown)),
});
