import type { Database } from '@weft/chassis/data/database';
import type { Logger } from '@weft/chassis/logger';
import { periodic } from '@weft/chassis/periodic';
import type { Background } from '@weft/chassis/service';
import { sessionMs } from './refresh-token.ts';
import { deleteRevocationsBefore } from './revocation-store.ts';
import { deleteEndedBefore } from './session-store.ts';
import { forgetMs } from './sign-in-attempts.ts';
import { deleteAttemptsBefore } from './sign-in-store.ts';
import type { Tables } from './tables.ts';

const everyMs = 10 * 60_000;
const dayMs = 24 * 3_600_000;
const batch = 500;

/**
 * Deletes sessions a day after they ended, and refresh tokens when no session can depend on them: the
 * current one of a living session is younger than a session may be idle. Revocations go when their tokens have
 * expired, failed sign-ins when they are forgotten.
 */
export function sessionCleanup(database: Database<Tables>, logger: Logger): Background {
  const work = async () => {
    const now = Date.now();
    const time = { session: new Date(now - dayMs), token: new Date(now - sessionMs - dayMs) };
    while (await deleteEndedBefore(database.kysely, time, batch));
    while (await deleteRevocationsBefore(database.kysely, new Date(now), batch));
    while (await deleteAttemptsBefore(database.kysely, new Date(now - forgetMs), batch));
  };
  return periodic({ name: 'deleting ended sessions', everyMs, work, logger });
}
