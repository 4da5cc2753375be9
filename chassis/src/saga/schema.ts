/** Paths and names of the protocol are ASCII and compared byte by byte. */
const ascii = 'CHARACTER SET ascii COLLATE ascii_bin';

/**
 * The saga's tables in each service's own database. Times are the database's, in UTC.
 *
 * - `saga`: the sagas that this service decides, kept for ever.
 * - `saga_step`: the fence, one row per step of a saga that this service takes part in. `due_at` is when a
 *   DONE row asks the arbiter next; in a terminal state, since when it is terminal; the year 9999 for a must.
 * - `saga_outbox`: messages not delivered yet. `next_at` is a pending row's next attempt or the end of
 *   the lease of whoever is at it; `epoch` fences one whose lease has run out.
 * - `saga_log`: one row per transition, chained by hash per saga.
 */
export const sagaMigrations: Readonly<Record<string, { readonly up: string }>> = {
  chassis_0001_saga: {
    up: `CREATE TABLE saga (
      saga_id BINARY(16) NOT NULL PRIMARY KEY,
      name VARCHAR(64) ${ascii} NOT NULL,
      user_id VARCHAR(64) NOT NULL,
      state VARCHAR(12) ${ascii} NOT NULL,
      reason VARCHAR(64) ${ascii} NOT NULL DEFAULT '',
      deadline_at DATETIME(3) NOT NULL,
      created_at DATETIME(3) NOT NULL,
      decided_at DATETIME(3) NULL,
      KEY saga_due (name, state, deadline_at)
    ) ENGINE = InnoDB`,
  },
  chassis_0002_saga_step: {
    up: `CREATE TABLE saga_step (
      saga_id BINARY(16) NOT NULL,
      step VARCHAR(160) ${ascii} NOT NULL,
      state VARCHAR(12) ${ascii} NOT NULL,
      seen INT UNSIGNED NOT NULL,
      req_hash BINARY(32) NULL,
      result VARBINARY(512) NULL,
      caller VARCHAR(64) ${ascii} NOT NULL,
      user_id VARCHAR(64) NOT NULL,
      expires_at DATETIME(3) NOT NULL,
      due_at DATETIME(3) NOT NULL,
      asked INT UNSIGNED NOT NULL DEFAULT 0,
      first_at DATETIME(3) NOT NULL,
      last_at DATETIME(3) NOT NULL,
      PRIMARY KEY (saga_id, step),
      KEY saga_step_due (state, due_at)
    ) ENGINE = InnoDB`,
  },
  chassis_0003_saga_outbox: {
    up: `CREATE TABLE saga_outbox (
      msg_id BINARY(16) NOT NULL PRIMARY KEY,
      saga_id BINARY(16) NOT NULL,
      target VARCHAR(128) ${ascii} NOT NULL,
      method VARCHAR(160) ${ascii} NOT NULL,
      kind VARCHAR(8) ${ascii} NOT NULL,
      payload MEDIUMBLOB NOT NULL,
      traceparent VARCHAR(55) ${ascii} NOT NULL,
      tracestate VARCHAR(512) ${ascii} NOT NULL,
      actor VARCHAR(64) NOT NULL,
      state VARCHAR(8) ${ascii} NOT NULL,
      next_at DATETIME(3) NOT NULL,
      expires_at DATETIME(3) NULL,
      epoch INT UNSIGNED NOT NULL,
      attempts INT UNSIGNED NOT NULL,
      last_code VARCHAR(24) ${ascii} NOT NULL DEFAULT '',
      last_error VARCHAR(255) NOT NULL DEFAULT '',
      created_at DATETIME(3) NOT NULL,
      KEY saga_outbox_due (target, state, next_at),
      KEY saga_outbox_saga (saga_id)
    ) ENGINE = InnoDB`,
  },
  chassis_0004_saga_log: {
    up: `CREATE TABLE saga_log (
      saga_id BINARY(16) NOT NULL,
      seq INT UNSIGNED NOT NULL,
      step VARCHAR(160) ${ascii} NOT NULL,
      from_state VARCHAR(12) ${ascii} NOT NULL,
      to_state VARCHAR(12) ${ascii} NOT NULL,
      reason VARCHAR(64) ${ascii} NOT NULL,
      msg_id BINARY(16) NOT NULL,
      attempt INT UNSIGNED NOT NULL,
      peer VARCHAR(64) ${ascii} NOT NULL,
      instance VARCHAR(64) NOT NULL,
      trace_id VARCHAR(32) ${ascii} NOT NULL,
      at DATETIME(6) NOT NULL,
      prev_hash BINARY(32) NOT NULL,
      hash BINARY(32) NOT NULL,
      PRIMARY KEY (saga_id, seq)
    ) ENGINE = InnoDB`,
  },
  // An auditor follows the log by time.
  chassis_0006_saga_log_at: { up: 'CREATE INDEX saga_log_at ON saga_log (at)' },
  chassis_0007_saga_decided: { up: 'CREATE INDEX saga_decided ON saga (decided_at)' },
  // Decisions are kept, so nothing follows them by time.
  chassis_0008_saga_decided: { up: 'DROP INDEX saga_decided ON saga' },
};
