import { sql, type Kysely, type Transaction } from 'kysely';
import { openDatabase, type Database } from '../data/database.ts';
import { createLogger } from '../logger.ts';
import { followFeed, type FollowedFeed } from './follow.ts';
import { publish } from './publish.ts';
import { feedSource, type FeedSource } from './source.ts';
import type { FeedEntry } from './entries.ts';

/** Where things are, and the copy of them. `applied` has a row each time that a sequence was applied. */
export interface Toys {
  thing: { id: number; name: string };
  copy: { id: number; name: string; sequence: string };
  applied: { nr?: number; sequence: string };
}

export const toyMigrations = {
  '0001_thing': { up: 'CREATE TABLE thing (id INT NOT NULL PRIMARY KEY, name VARCHAR(64) NOT NULL)' },
  '0002_copy': {
    up: 'CREATE TABLE copy (id INT NOT NULL PRIMARY KEY, name VARCHAR(64) NOT NULL, sequence BIGINT NOT NULL)',
  },
  '0003_applied': {
    up: 'CREATE TABLE applied (nr INT NOT NULL AUTO_INCREMENT PRIMARY KEY, sequence BIGINT NOT NULL, KEY (sequence))',
  },
};

export const logger = createLogger({ name: 'toys', level: 'silent' });

const keyOf = (id: number): Buffer => {
  const key = Buffer.alloc(4);
  key.writeUInt32BE(id);
  return key;
};

/** Names a thing, or removes it, and tells of it. */
export async function name(tx: Transaction<Toys>, id: number, to: string | undefined): Promise<void> {
  if (to === undefined) await tx.deleteFrom('thing').where('id', '=', id).execute();
  else
    await sql`INSERT INTO thing VALUES (${id}, ${to}) ON DUPLICATE KEY UPDATE name = VALUES(name)`.execute(
      tx,
    );
  await publish(tx, 'things', keyOf(id), to === undefined ? undefined : Buffer.from(to));
}

export const toySource = (database: Database<Toys>): FeedSource => feedSource(database, 'things', logger);

/** A follower of the things, in this database. */
export function toyFollower(
  database: Database<Toys>,
  watch: FeedSource['watch'],
  { onClear, onApplied }: { onClear?: () => void; onApplied?: () => void } = {},
): FollowedFeed {
  return followFeed<Toys, FeedEntry>({
    feed: 'things',
    database,
    logger,
    watch,
    async clear(tx) {
      onClear?.();
      await tx.deleteFrom('copy').execute();
    },
    async apply(tx, entries) {
      const all = entries.map(({ sequence, key, value }) => ({
        id: key.readUInt32BE(),
        name: value?.toString(),
        sequence: String(sequence),
      }));
      await tx
        .insertInto('applied')
        .values(all.map(({ sequence }) => ({ sequence })))
        .execute();
      await tx
        .deleteFrom('copy')
        .where(
          'id',
          'in',
          all.map(({ id }) => id),
        )
        .execute();
      const present = all.flatMap((each) => (each.name === undefined ? [] : [{ ...each, name: each.name }]));
      if (present.length > 0) await tx.insertInto('copy').values(present).execute();
      onApplied?.();
    },
  });
}

export const things = (db: Kysely<Toys>) => db.selectFrom('thing').selectAll().orderBy('id').execute();
export const copies = (db: Kysely<Toys>) =>
  db.selectFrom('copy').select(['id', 'name']).orderBy('id').execute();

export const open = (url: string): Database<Toys> => openDatabase<Toys>(url);

/** The sequences that were applied twice, or after a higher one. */
export async function astray(db: Kysely<Toys>): Promise<unknown[]> {
  const { rows } = await sql`
    SELECT b.sequence FROM applied a JOIN applied b ON b.nr > a.nr AND b.sequence <= a.sequence`.execute(db);
  return rows;
}
