import { createHash } from 'node:crypto';
import type { Timestamp } from '@weft/proto/google/protobuf/timestamp';
import type { SagaHeader } from '@weft/proto/weft/v1/saga';
import { bytesToUuid, uuidToBytes } from '../data/uuid.ts';
import { invalidArgument, type FieldViolation } from '../errors.ts';
import type { Header } from './types.ts';

/**
 * Messages that go forward are dead this long after the deadline; others never. The sender counts it from when a
 * message was queued, by its own database's clock; the receiver, by its, and asks the arbiter before it says so.
 */
export const forwardExpiryMs = 15 * 60_000;

/** The databases' DATETIME ends with the year 9999. */
const lastMs = Date.UTC(9999, 0);

/** Reads a message's header. Throws INVALID_ARGUMENT that names what is missing. */
export function readHeader(header: SagaHeader | undefined, peer: string): Header {
  const deadlineMs =
    header?.deadline && Number(header.deadline.seconds) * 1000 + Math.trunc(header.deadline.nanos / 1e6);
  const faults: FieldViolation[] = [];
  const must = (holds: boolean, field: string, description: string) => {
    if (!holds) faults.push({ field, description });
  };
  must(header?.sagaId.byteLength === 16, 'saga.saga_id', 'must be a UUID, 16 bytes');
  must(/^.{1,64}$/su.test(header?.userId ?? ''), 'saga.user_id', 'must have 1 to 64 characters');
  must(deadlineMs !== undefined && deadlineMs > 0 && deadlineMs < lastMs, 'saga.deadline', 'must be a time');
  if (header === undefined || deadlineMs === undefined || faults.length > 0) throw invalidArgument(...faults);
  return { sagaId: bytesToUuid(header.sagaId), userId: header.userId, deadlineMs, peer };
}

/** Whether a text can be the reason of a refusal or an abort. */
export function isReason(reason: string): boolean {
  return /^[A-Z][A-Z0-9_]{0,63}$/.test(reason);
}

/** The saga that a request asks about. Throws INVALID_ARGUMENT when it names none. */
export function readSagaId(header: SagaHeader | undefined): string {
  if (header?.sagaId.byteLength !== 16)
    throw invalidArgument({ field: 'saga.saga_id', description: 'must be a UUID, 16 bytes' });
  return bytesToUuid(header.sagaId);
}

/** The header that a message of this saga carries. */
export function writeHeader({ sagaId, userId, deadlineMs }: Omit<Header, 'peer'>): SagaHeader {
  return { sagaId: uuidToBytes(sagaId), userId, deadline: timestamp(deadlineMs) };
}

/** A Timestamp from Unix milliseconds. */
export function timestamp(ms: number): Timestamp {
  const seconds = Math.floor(ms / 1000);
  return { seconds: BigInt(seconds), nanos: Math.round((ms - seconds * 1000) * 1e6) };
}

/**
 * A message's id: the same however often it is made, so that a saga cannot hold the same message twice.
 *
 * @param step The step that the message is about; for a failure, the one that refused.
 * @param path The method that receives it.
 */
export function messageId(sagaId: string, step: string, path: string): Buffer {
  return createHash('sha256').update(`${sagaId}\n${step}\n${path}`).digest().subarray(0, 16);
}
