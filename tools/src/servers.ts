import { runTool } from './fail.ts';
import { ensureLocalServers } from './local-servers.ts';
import { Steps } from './steps.ts';

// What tests need: each run starts its own etcd and its own database from the programs on this machine.

await runTool(async () => {
  await new Steps().run(
    'etcd and a database',
    () => ensureLocalServers(['etcd', 'mariadbd']),
    (installed) => (installed.length > 0 ? installed.join(', ') : undefined),
  );
});
