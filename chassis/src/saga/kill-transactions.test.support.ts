import { setTimeout as delay } from 'node:timers/promises';
import { runOutsideCall } from '../call-context.ts';
import type { Database } from '../data/database.ts';
import { execute } from '../data/statement.ts';
import { openToyDatabases, type ToyDatabases } from './toy-databases.test.support.ts';

/** A transaction takes some milliseconds; it dies at any point of them, within its COMMIT too. */
const withinMs = 3;

/** The same databases; the server kills the connections of a share of their transactions while they run. */
export function killTransactions(
  databases: ToyDatabases,
  share: number,
): {
  readonly databases: ToyDatabases;
  counts(): { transactions: number; killed: number };
  close(): Promise<void>;
} {
  // Connections of their own: those that kill are not killed.
  const killers = openToyDatabases(databases.urls);
  let transactions = 0;
  let killed = 0;
  const wrap = <DB>(of: Database<DB>, killer: Database<DB>): Database<DB> => ({
    ...of,
    transaction: (work, options) => {
      transactions++;
      // Kept even: what has ended before its time came leaves its turn to the next.
      let dies = killed < transactions * share;
      let ended = false;
      const running = of.transaction(async (tx) => {
        if (dies) {
          dies = false;
          const { rows } = await execute<{ id: string }>(tx, 'SELECT CONNECTION_ID() AS id');
          const kill = async () => {
            await delay(Math.random() * withinMs);
            if (ended) return;
            await execute(killer.kysely, `KILL ${Number(rows[0]?.id)}`);
            killed++;
          };
          // It may have gone by itself; and who kills has no part in the call's deadline.
          runOutsideCall(() => void kill().catch(() => {}));
        }
        return work(tx);
      }, options);
      return running.finally(() => (ended = true));
    },
  });
  return {
    databases: {
      ...databases,
      office: wrap(databases.office, killers.office),
      store: wrap(databases.store, killers.store),
      bank: wrap(databases.bank, killers.bank),
    },
    counts: () => ({ transactions, killed }),
    close: () => killers.close(),
  };
}
