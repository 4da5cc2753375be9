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
  const { service, resources } = names;
  process.stdout.write(`${files.map((file) => `  ${pc.green('✓')} ${file}`).join('\n')}

Try next
  make test ONLY=services/${service}     its own tests
  make up                        starts it with the others; REST at /v1/${resources.camel}
  docs/new-service.md            what is where, and what to change first
`);
});
