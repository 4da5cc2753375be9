import { endProcess } from './end-process.ts';
import type { ProcessRecord, Records } from './records.ts';
import type { Steps } from './steps.ts';

/** The edge first, so that nothing new comes in; what the services need to drain last. */
const ranks: Readonly<Record<string, number>> = { edge: 0, etcd: 2, database: 2 };
const rank = ({ name }: ProcessRecord) => ranks[name] ?? 1;

/** Ends every process on record and forgets it. */
export async function endSystem(records: Records, steps: Steps): Promise<void> {
  const all = records.all();
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
  for (const turn of [0, 1, 2]) await Promise.all(all.filter((record) => rank(record) === turn).map(end));
}
