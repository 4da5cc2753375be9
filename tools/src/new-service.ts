import pc from 'picocolors';
import { runTool } from './fail.ts';
import { releaseLockAtExit } from './lock.ts';
import { generateService } from './new-service/generate.ts';
import { serviceNames } from './new-service/names.ts';
import { root } from './paths.ts';
import { Steps } from './steps.ts';

// make new-service NAME=shipping [RESOURCE=shipment]

releaseLockAtExit();
const interrupted = new AbortController();
for (const name of ['SIGINT', 'SIGTERM'] as const)
  process.once(name, () => interrupted.abort(new Error(`interrupted by ${name}: nothing was made`)));
await runTool(async () => {
  const names = serviceNames(process.env['NAME'], process.env['RESOURCE']);
  const files = await generateService(names, { root, steps: new Steps(), signal: interrupted.signal });
  const next = [
    [`make test ONLY=services/${names.service}`, 'its own tests'],
    ['make up', `starts it with the others; REST at /v1/${names.resources.camel}`],
    ['docs/new-service.md', 'what is where, and what to change first'],
  ] as const;
  const width = Math.max(...next.map(([what]) => what.length));
  const lines = [
    ...files.map((file) => `  ${pc.green('✓')} ${file}`),
    '\nTry next',
    ...next.map(([what, why]) => `  ${what.padEnd(width)}  ${why}`),
  ];
  process.stdout.write(`${lines.join('\n')}\n`);
});
