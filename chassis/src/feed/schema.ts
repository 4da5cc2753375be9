import type { Migration } from '../data/migrations.ts';

const name = 'VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin';

/**
 * The tables of a service that publishes feeds. A row of `feed_head` has the last sequence that a feed gave, and
 * up to which one removals are `forgotten`. A row of `feed_entry` has the last state of a key with the sequence
 * that it got, and no value where the key was removed.
 */
export const publisherMigrations: Readonly<Record<string, Migration>> = {
  chassis_feed_0001_head: {
    up: `CREATE TABLE feed_head (
      feed ${name} NOT NULL PRIMARY KEY,
      head BIGINT NOT NULL,
      forgotten BIGINT NOT NULL DEFAULT 0
    ) ENGINE = InnoDB`,
  },
  chassis_feed_0002_entry: {
    up: `CREATE TABLE feed_entry (
      feed ${name} NOT NULL,
      entry_key VARBINARY(64) NOT NULL,
      sequence BIGINT NOT NULL,
      value BLOB NULL,
      deleted_at DATETIME(3) NULL,
      PRIMARY KEY (feed, entry_key),
      UNIQUE KEY feed_entry_sequence (feed, sequence),
      KEY feed_entry_deleted (feed, deleted_at)
    ) ENGINE = InnoDB`,
  },
};

/**
 * The table of a service that follows feeds. A row of `feed_position` says up to which sequence the copy of a
 * feed holds, and when it was last known to hold all that there was.
 */
export const followerMigrations: Readonly<Record<string, Migration>> = {
  chassis_feed_0003_position: {
    up: `CREATE TABLE feed_position (
      feed ${name} NOT NULL PRIMARY KEY,
      sequence BIGINT NOT NULL,
      current_at DATETIME(3) NOT NULL
    ) ENGINE = InnoDB`,
  },
};
