import { createHash } from 'node:crypto';
import type { Timestamp } from '@weft/proto/google/protobuf/timestamp';
import type { SagaHeader } from '@weft/proto/weft/v1/saga';
import { bytesToUuid, uuidToBytes } from '../data/uuid.ts';
import { invalidArgument, type FieldViolation } from '../errors.ts';
import type { Header } from './types.ts';

/** Messages that go forward are dead this long after the deadline, for sender and receiver; others never. */
export const forwardExpiryMs = 15 * 60_000;

/** Reads a message's header. Throws INVALID_ARGUMENT that names what is missing. */
export function readHeader(header: SagaHeader | undefined, peer: string): Header {
  const faults: FieldViolation[] = [];
  if (header?.sagaId.byteLength !== 16)
    faults.push({ field: 'saga.saga_id', description: 'must be a UUID, 16 bytes' });
  if (!header?.userId) faults.push({ field: 'saga.user_id', description: 'is required' });
  if (header?.deadline === undefined) faults.push({ field: 'saga.deadline', description: 'is required' });
  if (header?.deadline === undefined || faults.length > 0) throw invalidArgument(...faults);
  return {
    sagaId: bytesToUuid(header.sagaId),
    userId: header.userId,
    deadlineMs: Number(header.deadline.seconds) * 1000 + Math.trunc(header.deadline.nanos / 1e6),
    peer,
  };
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
