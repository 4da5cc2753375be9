import { createHash } from 'node:crypto';
import type { Database } from '@weft/chassis/data/database';
import { ServiceError } from '@weft/chassis/errors';
import type { Logger } from '@weft/chassis/logger';
import { periodic } from '@weft/chassis/periodic';
import type { Background } from '@weft/chassis/service';
import type { Transaction } from 'kysely';
import { claim, deleteRecordedBefore, record, type RequestKey } from './idempotency-store.ts';
import type { Tables } from './tables.ts';

/** How long the answer to a request with an id is kept: the contract's promise. */
const keptMs = 24 * 3_600_000;
const cleanupMs = 5 * 60_000;
const batch = 1000;

/**
 * Answers a request with an id once (AIP-155): the first runs `work` and records its answer in the same
 * transaction, a repeated one gets those bytes again, and one with another body under the same id is
 * ALREADY_EXISTS (IDEMPOTENCY_KEY_REUSED). Requests at the same time wait for the first.
 */
export async function once(
  tx: Transaction<Tables>,
  key: RequestKey,
  request: Uint8Array,
  work: () => Promise<Uint8Array>,
): Promise<Uint8Array> {
  const requestHash = createHash('sha256').update(request).digest();
  const now = new Date();
  const recorded = await claim(tx, key, requestHash, { now, keptSince: new Date(now.getTime() - keptMs) });
  if (recorded === undefined) {
    const response = await work();
    await record(tx, key, { requestHash, response: Buffer.from(response) }, now);
    return response;
  }
  if (!recorded.requestHash.equals(requestHash))
    throw new ServiceError(
      'ALREADY_EXISTS',
      'IDEMPOTENCY_KEY_REUSED',
      'this request id was used for another request',
    );
  return recorded.response;
}

/** Deletes answers that are no longer kept. */
export function idempotencyCleanup(database: Database<Tables>, logger: Logger): Background {
  const work = async () => {
    while (await deleteRecordedBefore(database.kysely, new Date(Date.now() - keptMs), batch));
  };
  return periodic({ name: 'deleting old idempotency records', everyMs: cleanupMs, work, logger });
}
