import { endComposeShop } from './compose/project.ts';
import { endSystem } from './end-system.ts';
import { runTool } from './fail.ts';
import { releaseLockAtExit } from './lock.ts';
import { weftFolder } from './paths.ts';
import { Records } from './records.ts';
import { Steps } from './steps.ts';

releaseLockAtExit();
await runTool(async () => {
  const records = new Records(weftFolder);
  const steps = new Steps();
  const inContainers = await steps.run(
    'containers',
    () => endComposeShop(weftFolder, { volumes: false }),
    (ended) => (ended ? '' : undefined),
  );
  if (!inContainers && records.all().length === 0) process.stdout.write('  nothing runs\n');
  await endSystem(records, steps);
});
