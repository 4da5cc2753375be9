import { endProcess } from './end-process.ts';
import { runTool } from './fail.ts';
import { releaseLockAtExit } from './lock.ts';
import { weftFolder } from './paths.ts';
import { Records, type ProcessRecord } from './records.ts';
import { Steps } from './steps.ts';

/** The edge first, so that nothing new comes in; what the services need to drain last. */
const order: readonly (readonly string[])[] = [
  ['edge'],
  ['catalog', 'identity', 'ordering'],
  ['etcd', 'database'],
];

releaseLockAtExit();
await runTool(async () => {
  const records = new Records(weftFolder);
  const steps = new Steps();
  const all = records.all();
  if (all.length === 0) process.stdout.write('  nothing runs\n');
  const end = (record: ProcessRecord) =>
    steps.run(
      record.name,
      async () => {
        const how = await endProcess(record);
        records.remove(record.name);
        return how;
      },
      (how) => how,
    );
  const known = order.flat();
  const others = all.filter(({ name }) => !known.includes(name)).map(({ name }) => name);
  for (const names of [others, ...order])
    await Promise.all(all.filter(({ name }) => names.includes(name)).map(end));
});
