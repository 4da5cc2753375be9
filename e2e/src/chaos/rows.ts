import { openDatabase, type Database } from '@weft/chassis/data/database';
import { execute } from '@weft/chassis/data/statement';
import type { DatabaseUrls } from '@weft/tools/databases';

type AnyDatabase = Database<Record<string, never>>;

/** The databases of the three services, as no service ever sees them: together. */
export interface Databases {
  readonly catalog: AnyDatabase;
  readonly identity: AnyDatabase;
  readonly ordering: AnyDatabase;
  close(): Promise<void>;
}

export function openDatabases(urls: DatabaseUrls): Databases {
  const open = (name: 'catalog' | 'identity' | 'ordering'): AnyDatabase => {
    const url = urls[name];
    if (url === undefined) throw new Error(`${name} has no database`);
    return openDatabase(url, { connections: 4, statementTimeoutMs: 30_000 });
  };
  const [catalog, identity, ordering] = [open('catalog'), open('identity'), open('ordering')];
  return {
    catalog,
    identity,
    ordering,
    close: async () => void (await Promise.all([catalog.close(), identity.close(), ordering.close()])),
  };
}

export async function rowsOf<Row>(
  { kysely }: AnyDatabase,
  sql: string,
  parameters: readonly unknown[] = [],
): Promise<Row[]> {
  return [...(await execute<Row>(kysely, sql, parameters)).rows];
}
