import { runTool } from './fail.ts';
import { ensureLocalServers } from './local-servers.ts';
import { Steps } from './steps.ts';

// What tests need: each run starts its own servers and its own browser from the programs on this machine.

await runTool(async () => {
  await new Steps().run(
    'programs for tests',
    () => ensureLocalServers(['etcd', 'mariadbd', 'nginx', 'chromium']),
    (installed) => (installed.length > 0 ? installed.join(', ') : undefined),
  );
});
