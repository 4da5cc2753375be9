import { setTimeout as delay } from 'node:timers/promises';
import { ensureCertificates } from './certificates.ts';

// A process of `make up`: keeps the certificates of a folder fresh until it is ended. The shop's processes read
// them again by themselves.

const everyMs = 60_000;
const [folder = ''] = process.argv.slice(2);

for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => process.exit(0));
for (;;) {
  try {
    const made = await ensureCertificates(folder);
    if (made.length > 0) process.stdout.write(`${new Date().toISOString()} renewed ${made.join(', ')}\n`);
  } catch (error) {
    process.stderr.write(`${new Date().toISOString()} ${String(error)}\n`);
  }
  await delay(everyMs);
}
